package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/propagation"
	_ "github.com/millrace-dev/millrace/protocol/protobuf"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// tracedActivity says which headers reach an activity: those of its information, and what its context got of them.
func tracedActivity(ctx context.Context, _ string) (string, error) {
	h := activity.Info(ctx).Headers
	return fmt.Sprint(h["traceparent"] == propagation.Headers(ctx)["traceparent"], h), nil
}

var inquire = workflow.NewUpdate[string, string]("ask")

// tracedChild gives back what it and its activity see.
func tracedChild(ctx workflow.Context, _ string) (string, error) {
	return workflow.Do(ctx, tracedActivity, "")
}

// traced shows what reaches activities, children, and the handlers of updates.
func traced(ctx workflow.Context, _ string) ([]string, error) {
	var seen []string
	workflow.HandleUpdate(ctx, inquire, func(ctx workflow.Context, _ string) (string, error) { return workflow.Do(ctx, tracedActivity, "") })
	for _, ask := range []func() (string, error){
		func() (string, error) { return workflow.Do(ctx, tracedActivity, "") },
		func() (string, error) { return workflow.DoLocal(ctx, tracedActivity, "") },
		func() (string, error) { return workflow.DoChild(ctx, tracedChild, "") },
		func() (string, error) {
			ctx := workflow.WithHeader(workflow.WithHeader(ctx, "tenant", "b"), "traceparent", "")
			return workflow.Do(ctx, tracedActivity, "")
		},
	} {
		s, err := ask()
		if err != nil {
			return nil, err
		}
		seen = append(seen, s)
	}
	_, err := workflow.Receive(ctx, passphrase)
	return append(seen, workflow.Header(ctx, "tenant")), err
}

// What the caller's context carries reaches the workflow, its activities and its children, and shows on the messages.
func TestHeadersTravel(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(traced), worker.Workflow(tracedChild), worker.Activity(tracedActivity),
		worker.Propagator(propagation.TraceContext()))
	c, err := client.New(e.Conn(), client.DefaultQueue(rig.Queue), client.Propagator(propagation.TraceContext()))
	if err != nil {
		t.Fatal(err)
	}
	ctx := propagation.WithHeaders(t.Context(), map[string]string{"traceparent": trace, "other": "stays at home"})
	run, err := client.Start(ctx, c, traced, "", client.Headers(map[string]string{"tenant": "a"}))
	if err != nil {
		t.Fatal(err)
	}
	other := propagation.WithHeaders(t.Context(), map[string]string{"traceparent": "00-other"})
	if got, err := client.Update(other, c, run.ID(), inquire, ""); err != nil || got != "true map[tenant:a traceparent:00-other]" {
		t.Errorf("the handler of an update sees %s, %v", got, err)
	}
	if err := client.Signal(t.Context(), c, run.ID(), passphrase, "go"); err != nil {
		t.Fatal(err)
	}
	all := "true map[tenant:a traceparent:" + trace + "]"
	if d := cmp.Diff([]string{all, all, all, "true map[tenant:b]", "a"}, rig.Result(t, run)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// A task shows its trace where tools of NATS look for it.
func TestTraceOnMessages(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(tracedChild)) // and nobody for the activity
	run := rig.Run(t, e, tracedChild, "", client.Headers(map[string]string{"traceparent": trace}))
	e.Await(t, run.ID(), "ActivityTaskScheduled")
	js, err := natsjs.New(e.Conn())
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), protocol.DefaultNamespace.TasksStream())
	if err != nil {
		t.Fatal(err)
	}
	var m *natsjs.RawStreamMsg
	rig.Until(t, "the task", func() bool {
		m, err = s.GetLastMsgForSubject(t.Context(), "mr.default.task.activity.>")
		return err == nil
	})
	if got := m.Header.Get("traceparent"); got != trace {
		t.Errorf("the task carries %q", got)
	}
}

// diary notes what happened, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) notef(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := d.lines
	d.lines = nil
	return lines
}

// noting is an interceptor that notes everything.
func noting(d *diary, name string) worker.Interceptor {
	quietly := func(ctx workflow.Context, format string, args ...any) {
		if !workflow.IsReplaying(ctx) {
			d.notef(name+" "+format, args...)
		}
	}
	return worker.Interceptor{
		Activity: func(next worker.ActivityFunc) worker.ActivityFunc {
			return func(ctx context.Context, in protocol.Payload) (protocol.Payload, error) {
				d.notef("%s runs %s(%s)", name, activity.Info(ctx).Type, in)
				out, err := next(ctx, in)
				d.notef("%s ran it: %s", name, out)
				return out, err
			}
		},
		Workflow: workflow.Interceptor{
			Execute: func(next workflow.ExecuteFunc) workflow.ExecuteFunc {
				return func(ctx workflow.Context, in protocol.Payload) (protocol.Payload, error) {
					quietly(ctx, "executes %s(%s)", workflow.GetInfo(ctx).Type, in)
					out, err := next(ctx, in)
					quietly(ctx, "executed it: %s", out)
					return out, err
				}
			},
			Activity: func(next workflow.ActivityFunc) workflow.ActivityFunc {
				return func(ctx workflow.Context, c protocol.ScheduleActivityTask, done func(protocol.Payload, error)) {
					quietly(ctx, "asks for %s", c.ActivityType)
					c.Headers = map[string]string{"by": c.Headers["by"] + name}
					next(ctx, c, func(out protocol.Payload, err error) {
						quietly(ctx, "hears %s", out)
						done(out, err)
					})
				}
			},
			Child: func(next workflow.ChildFunc) workflow.ChildFunc {
				return func(
					ctx workflow.Context, c protocol.StartChildWorkflowExecution,
					began func(workflow.Execution, error), done func(protocol.Payload, error),
				) {
					quietly(ctx, "asks for child %s", c.WorkflowType)
					next(ctx, c, began, done)
				}
			},
			Timer: func(next workflow.TimerFunc) workflow.TimerFunc {
				return func(ctx workflow.Context, d time.Duration, done func(error)) {
					quietly(ctx, "sleeps %s", d)
					next(ctx, d, done)
				}
			},
		},
	}
}

func signed(ctx context.Context, d *durationpb.Duration) (string, error) {
	return d.AsDuration().String() + activity.Info(ctx).Headers["by"], nil
}

func leafy(workflow.Context, string) (string, error) { return "leaf", nil }

func watched(ctx workflow.Context, d *durationpb.Duration) (string, error) {
	out, err := workflow.Do(ctx, signed, d)
	if err != nil {
		return "", err
	}
	if err := workflow.Sleep(ctx, time.Millisecond); err != nil {
		return "", err
	}
	leaf, err := workflow.DoChild(ctx, leafy, "")
	return out + leaf, err
}

// Interceptors wrap what a worker runs and what its workflows ask for, the first one outermost, once for what happens once: a replay goes
// through them again and is told apart. Messages of Protocol Buffers go through it all.
func TestInterceptors(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	var d diary
	e.Work(t, worker.Workflow(watched), worker.Workflow(leafy, worker.Named("leaf")), worker.Workflow(leafy), worker.Activity(signed),
		worker.CacheSize(0), worker.Intercept(noting(&d, "A")), worker.Intercept(noting(&d, "B")))
	run := rig.Run(t, e, watched, durationpb.New(time.Second))
	if got := rig.Result(t, run); got != "1sABleaf" {
		t.Errorf("got %q", got)
	}
	want := []string{
		"A executes engine.watched(binary/protobuf (2 bytes))", "B executes engine.watched(binary/protobuf (2 bytes))",
		"A asks for engine.signed", "B asks for engine.signed",
		"A runs engine.signed(binary/protobuf (2 bytes))", "B runs engine.signed(binary/protobuf (2 bytes))",
		`B ran it: "1sAB"`, `A ran it: "1sAB"`, `B hears "1sAB"`, `A hears "1sAB"`,
		"A sleeps 1ms", "B sleeps 1ms", "A asks for child engine.leafy", "B asks for child engine.leafy",
		`A executes engine.leafy("")`, `B executes engine.leafy("")`, `B executed it: "leaf"`, `A executed it: "leaf"`,
		`B executed it: "1sABleaf"`, `A executed it: "1sABleaf"`,
	}
	if d := cmp.Diff(want, d.take()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// A client's interceptors see each call, and may add headers.
func TestClientInterceptors(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(traced), worker.Workflow(tracedChild), worker.Activity(tracedActivity))
	var d diary
	noting := func(name string) client.Option {
		return client.Intercept(func(next client.Invoker) client.Invoker {
			return func(ctx context.Context, call *client.Call) error {
				if call.Headers != nil {
					call.Headers["by"] += name
				}
				err := next(ctx, call)
				_, verdict := call.Answer.(*protocol.Verdict)
				d.notef("%s %s %s %v %v", name, call.Method, call.Workflow, verdict, err)
				return err
			}
		})
	}
	c, err := client.New(e.Conn(), client.DefaultQueue(rig.Queue), noting("A"), noting("B"))
	if err != nil {
		t.Fatal(err)
	}
	run, err := client.Start(t.Context(), c, traced, "", client.ID("w"))
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Signal(t.Context(), c, "w", passphrase, "go"); err != nil {
		t.Fatal(err)
	}
	if got := rig.Result(t, run)[0]; got != "true map[by:AB]" {
		t.Errorf("the activity sees %s", got)
	}
	if _, err := c.Describe(t.Context(), "nobody"); err == nil {
		t.Error("nobody can be described")
	}
	lines := d.take()
	want := []string{"B start w true <nil>", "A start w true <nil>", "B signal w true <nil>", "A signal w true <nil>"}
	if len(lines) < 6 || !slices.Equal(lines[:4], want) {
		t.Errorf("got %q", lines)
	}
}
