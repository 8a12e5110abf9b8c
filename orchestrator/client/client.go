package client

import (
	"context"
	"fmt"
	"iter"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
	"github.com/millrace-dev/millrace/protocol/propagation"
)

// callTimeout bounds a call whose context has no deadline. It is longer than a step may take: a start is answered even if the
// code of its first step hangs.
const callTimeout = 15 * time.Second

// DefaultBlobThreshold is the size in bytes above which a payload travels through the object store.
const DefaultBlobThreshold = 256 << 10

// Client talks to a namespace. It is safe for concurrent use.
type Client struct {
	nc        *nats.Conn
	namespace protocol.Namespace
	identity  string
	queue     string
	threshold int
	codec     codec.Codec
	runs      protocol.RunIDs

	encodeFailures bool
	failWhenBusy   bool

	interceptors []func(Invoker) Invoker // outermost first
	propagators  []propagation.Propagator

	mu    sync.Mutex
	store *jetstream.Store
}

// Option configures a client.
type Option func(*Client)

// Namespace is the namespace to talk to. Defaults to "default".
func Namespace(name string) Option {
	return func(c *Client) { c.namespace = protocol.Namespace(name) }
}

// Identity is how the client signs what it does. Defaults to process and host, such as "4711@build-7".
func Identity(id string) Option { return func(c *Client) { c.identity = id } }

// DefaultQueue is the queue of workflows that are started without [Queue].
func DefaultQueue(name string) Option { return func(c *Client) { c.queue = name } }

// BlobThreshold is the size in bytes above which a payload travels through the object store. Defaults to
// [DefaultBlobThreshold].
func BlobThreshold(n int) Option { return func(c *Client) { c.threshold = n } }

// Codec encodes every value that the client sends, and decodes those that it gets: inputs, results, signals, queries, updates and memos.
// The first codec encodes first. Defaults to none. The workers need the same codecs.
func Codec(codecs ...codec.Codec) Option { return func(c *Client) { c.codec = codec.Chain(codecs...) } }

// EncodeFailures encodes the messages and stacks of the failures that [Client.FailActivity] sends as well. It changes nothing without a
// [Codec].
func EncodeFailures() Option { return func(c *Client) { c.encodeFailures = true } }

// New returns a client on a connection, which stays the caller's. It does not ask the server anything yet: a namespace that
// does not exist is reported by the first call.
func New(nc *nats.Conn, opts ...Option) (*Client, error) {
	c := &Client{nc: nc, namespace: protocol.DefaultNamespace, threshold: DefaultBlobThreshold, runs: protocol.NewRunIDs()}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	c.identity = fmt.Sprintf("%d@%s", os.Getpid(), host)
	for _, o := range opts {
		o(c)
	}
	return c, c.namespace.Validate()
}

// open returns the namespace's store. A failure is not remembered: the orchestrator may come up later.
func (c *Client) open(ctx context.Context) (*jetstream.Store, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.store != nil {
		return c.store, nil
	}
	s, err := jetstream.Open(ctx, c.nc, c.namespace)
	if err == nil {
		c.store = s
	}
	return s, err
}

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, callTimeout)
}

// ask sends an input and waits for its verdict. again says that the same may have been asked before, or may be once more.
func (c *Client) ask(
	ctx context.Context, workflow string, body protocol.InputBody, id string, again bool,
) (protocol.Verdict, error) {
	if err := protocol.ValidateID("workflow ID", workflow); err != nil {
		return protocol.Verdict{}, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	s, err := c.open(ctx)
	if err != nil {
		return protocol.Verdict{}, err
	}
	call := &Call{Method: string(body.InputKind()), Workflow: workflow, Headers: c.headersOf(ctx, body), Request: body}
	err = c.invoke(ctx, call, func(ctx context.Context, call *Call) error {
		v, err := c.insist(ctx, func() (protocol.Verdict, error) {
			once := !again
			again = true
			return s.Ask(ctx, workflow, withHeaders(body, call.Headers), id, once)
		})
		call.Answer = &v
		return err
	})
	if v, ok := call.Answer.(*protocol.Verdict); ok && v != nil {
		return *v, err
	}
	return protocol.Verdict{}, err
}

// request calls an endpoint of the control API.
func (c *Client) request(ctx context.Context, endpoint string, in, out any) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	call := &Call{Method: endpoint, Workflow: workflowOf(in), Headers: c.headersOf(ctx, in), Request: in}
	return c.invoke(ctx, call, func(ctx context.Context, call *Call) error {
		call.Answer = out
		return s.Request(ctx, endpoint, in, out)
	})
}

// Cancel asks the open run of a workflow to stop. It returns when the request is part of the run's history; what the run
// makes of it is up to its code.
func (c *Client) Cancel(ctx context.Context, id string, opts ...ToOption) error {
	to := target(opts)
	_, err := c.ask(ctx, id, protocol.CancelInput{
		Run: to.run, Reason: to.reason, RequestID: to.requestID, Identity: c.identity,
	}, to.requestID, to.again)
	return err
}

// Terminate ends the open run of a workflow at once, without asking its code. Activities that run are told to stop; their
// results are dropped.
func (c *Client) Terminate(ctx context.Context, id string, opts ...ToOption) error {
	to := target(opts)
	_, err := c.ask(ctx, id, protocol.TerminateInput{Run: to.run, Reason: to.reason, Identity: c.identity}, to.requestID, to.again)
	return err
}

// Pause stops the open run of a workflow before its next step: what happens meanwhile waits, no attempt of its activities begins, and
// timers that fire are noticed afterwards. Timeouts go on. Pausing a paused run does nothing.
func (c *Client) Pause(ctx context.Context, id string, opts ...ToOption) error {
	return c.pause(ctx, id, false, target(opts))
}

// Unpause lets a paused run go on.
func (c *Client) Unpause(ctx context.Context, id string, opts ...ToOption) error {
	return c.pause(ctx, id, true, target(opts))
}

func (c *Client) pause(ctx context.Context, id string, resume bool, to to) error {
	_, err := c.ask(ctx, id, protocol.PauseInput{
		Run: to.run, Resume: resume, Reason: to.reason, RequestID: to.requestID, Identity: c.identity,
	}, to.requestID, to.again)
	return err
}

// Describe tells everything about a run: the latest, unless [InRun] names another. With a [Codec], values that it can decode are
// decoded here, in lists and in histories; the others stay encoded.
func (c *Client) Describe(ctx context.Context, id string, opts ...ToOption) (protocol.Description, error) {
	var d protocol.Description
	err := c.request(ctx, protocol.EndpointDescribe, protocol.RunRequest{ID: id, Run: aim(to{}, opts).run}, &d)
	c.edge(ctx).LookAll(&d)
	return d, err
}

// History reads a run's events in order: the latest run's, unless [InRun] names another. The sequence ends after an error.
func (c *Client) History(ctx context.Context, id string, opts ...ToOption) iter.Seq2[protocol.Event, error] {
	return func(yield func(protocol.Event, error) bool) {
		for page, err := range c.pages(ctx, id, opts) {
			if err != nil {
				yield(protocol.Event{}, err)
				return
			}
			c.edge(ctx).LookAll(&page)
			for _, e := range page.Events {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// List reads the rows of runs, newest first, page by page. A row lags behind its run by up to a second; [Client.Describe] does
// not. The request's Limit is the size of a page. The sequence ends after an error.
func (c *Client) List(ctx context.Context, req protocol.ListRequest) iter.Seq2[protocol.Row, error] {
	return func(yield func(protocol.Row, error) bool) {
		for {
			var page protocol.ListPage
			if err := c.request(ctx, protocol.EndpointList, req, &page); err != nil {
				yield(protocol.Row{}, err)
				return
			}
			c.edge(ctx).LookAll(&page)
			for _, row := range page.Runs {
				if !yield(row, nil) {
					return
				}
			}
			if req.Before = page.Next; page.Next == "" {
				return
			}
		}
	}
}

// Workers lists the workers that serve a queue right now; every queue when it is empty.
func (c *Client) Workers(ctx context.Context, queue string) ([]protocol.Worker, error) {
	var a protocol.WorkersAnswer
	err := c.request(ctx, protocol.EndpointWorkers, protocol.WorkersRequest{Queue: queue}, &a)
	return a.Workers, err
}

// Load tells what waits in the namespace, how full the store is, and why new runs are refused if they are.
func (c *Client) Load(ctx context.Context) (protocol.LoadAnswer, error) {
	var a protocol.LoadAnswer
	err := c.request(ctx, protocol.EndpointLoad, struct{}{}, &a)
	return a, err
}

// Versions lists the versions of the code that a queue's workers run, and which of them is current.
func (c *Client) Versions(ctx context.Context, queue string) (protocol.VersionsAnswer, error) {
	var a protocol.VersionsAnswer
	err := c.request(ctx, protocol.EndpointVersions, protocol.VersionsRequest{Queue: queue}, &a)
	return a, err
}

// Promote makes a version of the code current on a queue: its workers take new runs, and the steps of those that are not pinned to
// another version. The empty version leaves it to any worker. Orchestrators take a second to notice.
func (c *Client) Promote(ctx context.Context, queue, version string) (protocol.VersionsAnswer, error) {
	var a protocol.VersionsAnswer
	req := protocol.VersionsRequest{Queue: queue, Set: true, Current: version}
	err := c.request(ctx, protocol.EndpointVersions, req, &a)
	return a, err
}

func newID() string { return uuid.NewString() }

func now() time.Time { return time.Now().UTC().Round(0) }
