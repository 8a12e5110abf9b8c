package worker

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
	"github.com/millrace-dev/millrace/protocol/propagation"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Option configures a worker, or registers something with it.
type Option func(*config)

// config is what the options say.
type config struct {
	namespace     protocol.Namespace
	identity      string
	version       string
	log           *slog.Logger
	slots         int
	workflowSlots int
	sessions      int
	cacheSize     int
	grace         time.Duration
	blobThreshold int
	codec         codec.Codec
	onReady       func()

	encodeFailures bool

	interceptors []Interceptor
	propagators  []propagation.Propagator
	registry     registry
	errs         []error
}

// Defaults of a worker's options.
const (
	// DefaultSlots is how many activities a worker runs at once.
	DefaultSlots = 100
	// DefaultWorkflowSlots is how many steps of workflows a worker takes at once.
	DefaultWorkflowSlots = 100
	// DefaultCacheSize is how many runs a worker keeps in memory between their steps.
	DefaultCacheSize = 1000
	// DefaultGrace is how long running activities may take to end when the worker stops.
	DefaultGrace = 10 * time.Second
	// DefaultBlobThreshold is the size in bytes above which a payload travels through the object store.
	DefaultBlobThreshold = 256 << 10
)

func defaults() config {
	return config{
		namespace: protocol.DefaultNamespace, log: slog.Default(), slots: DefaultSlots, workflowSlots: DefaultWorkflowSlots,
		cacheSize: DefaultCacheSize, grace: DefaultGrace, blobThreshold: DefaultBlobThreshold, onReady: func() {},
		registry: registry{workflows: map[string]program{}, activities: map[string]function{}, pinned: map[string]bool{}},
	}
}

// RegisterOption is an option of a registration.
type RegisterOption func(*registration)

type registration struct {
	name   string
	pinned bool
}

// Named registers under a name of the author's choice in place of the function's own. Callers that know only the function
// still use the function's name; start or call by name instead.
func Named(name string) RegisterOption { return func(r *registration) { r.name = name } }

// Pinned has runs of the workflow stay with the version of the code that took their first step, for as long as they are open: their
// code may then be changed at will in the next version, and workers of the old one must run until `millrace versions QUEUE` shows no
// open runs for it. It takes a worker with a [Version]. Without it, a run goes on with the version that is current.
func Pinned() RegisterOption { return func(r *registration) { r.pinned = true } }

// Workflow registers a workflow, under the name of its function such as "shop.Checkout" unless [Named] gives another.
func Workflow[I, O any](f func(workflow.Context, I) (O, error), opts ...RegisterOption) Option {
	return func(c *config) {
		if name, ok := c.name(f, opts); ok {
			c.pin(name, opts)
			c.addWorkflow(name, func(log *slog.Logger) program { return workflow.Program(f, log, c.workflowInterceptors()...) })
		}
	}
}

// Activity registers an activity, under the name of its function or method such as "shop.Charge" or "shop.Desk.Charge" unless
// [Named] gives another.
func Activity[I, O any](f func(context.Context, I) (O, error), opts ...RegisterOption) Option {
	return func(c *config) {
		if name, ok := c.name(f, opts); ok {
			c.addActivity(name, typed(f))
		}
	}
}

// DynamicWorkflow registers a workflow for every type that the worker does not know by name: workflow.GetInfo tells which one it is, and in
// is its argument as it came. It is for types that are data, such as those of a language of the user's own.
func DynamicWorkflow[O any](f func(ctx workflow.Context, in protocol.Payload) (O, error)) Option {
	return Workflow(f, Named(anything))
}

// DynamicActivity registers an activity for every type that the worker does not know by name: activity.Info tells which one it is, and in
// is its argument as it came.
func DynamicActivity[O any](f func(ctx context.Context, in protocol.Payload) (O, error)) Option {
	return Activity(f, Named(anything))
}

// Namespace is the namespace whose queue the worker serves. Defaults to "default".
func Namespace(name string) Option {
	return func(c *config) { c.namespace = protocol.Namespace(name) }
}

// Version names the version of the worker's code, such as a build ID. Which version of a queue takes new runs is decided with
// `millrace promote QUEUE VERSION`; until then any worker does.
func Version(id string) Option { return func(c *config) { c.version = id } }

// Identity names the worker. No two that run at once may share it. Defaults to host, process and a random part.
func Identity(id string) Option { return func(c *config) { c.identity = id } }

// Logger receives what an operator should know, and is what workflows and activities log to. Defaults to [slog.Default].
func Logger(log *slog.Logger) Option { return func(c *config) { c.log = cmp.Or(log, slog.Default()) } }

// Slots is how many activities the worker runs at once. Defaults to [DefaultSlots]. It takes no task that it has no free slot
// for. 0 makes a worker that runs workflows only.
func Slots(n int) Option { return func(c *config) { c.slots = n } }

// WorkflowSlots is how many steps of workflows the worker takes at once, at least 1. Defaults to [DefaultWorkflowSlots]. When all are
// taken, the step goes to another worker or waits in the task stream.
func WorkflowSlots(n int) Option { return func(c *config) { c.workflowSlots = n } }

// Sessions is how many sessions of workflows the worker holds at once; see workflow.CreateSession. Defaults to 0: none. The activities
// of its sessions, taken together, have as many slots as [Slots] says, beside those of the other activities.
func Sessions(n int) Option { return func(c *config) { c.sessions = n } }

// CacheSize is how many runs the worker keeps in memory between their steps. Defaults to [DefaultCacheSize]. A run that is
// not in memory is replayed from its history.
func CacheSize(n int) Option { return func(c *config) { c.cacheSize = n } }

// Grace is how long running activities may take to end after the worker was asked to stop. Defaults to [DefaultGrace]. One
// that takes longer is canceled, and another worker starts it anew.
func Grace(d time.Duration) Option { return func(c *config) { c.grace = d } }

// BlobThreshold is the size in bytes above which a payload travels through the object store. Defaults to
// [DefaultBlobThreshold].
func BlobThreshold(n int) Option { return func(c *config) { c.blobThreshold = n } }

// Codec encodes every value that leaves the worker and decodes those that come in: inputs and results, signals, queries, updates, details
// of heartbeats and failures, memos and markers. What goes to the object store is encoded before. The first codec encodes first. Defaults
// to none. Clients, and the other workers that meet the same values, need the same codecs: a step that a worker cannot read fails and is
// tried again, and so does an attempt of an activity.
func Codec(codecs ...codec.Codec) Option { return func(c *config) { c.codec = codec.Chain(codecs...) } }

// EncodeFailures encodes the messages and stacks of failures as well, which may quote what a user sent. Without the codec, only the type
// of an error can then be seen. It changes nothing without a [Codec].
func EncodeFailures() Option { return func(c *config) { c.encodeFailures = true } }

// OnReady is called once the worker takes tasks.
func OnReady(f func()) Option {
	return func(c *config) {
		if f != nil {
			c.onReady = f
		}
	}
}
