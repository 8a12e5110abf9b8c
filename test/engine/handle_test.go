package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/propagation"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// follower receives a signal in its second run, and has an activity say which headers came with it.
func follower(ctx workflow.Context, second bool) (string, error) {
	if !second {
		if _, err := workflow.Receive(ctx, word); err != nil {
			return "", err
		}
		return "", workflow.ContinueAsNew(ctx, follower, true)
	}
	sctx, text, err := workflow.ReceiveWith(ctx, passphrase)
	if err != nil {
		return "", err
	}
	seen, err := workflow.Do(sctx, tracedActivity, "")
	return text + " " + seen + " " + workflow.Header(ctx, "traceparent"), err
}

// teller signals the follower on behalf of whoever signaled it.
func teller(ctx workflow.Context, id string) (string, error) {
	sctx, text, err := workflow.ReceiveWith(ctx, passphrase)
	if err != nil {
		return "", err
	}
	if err := workflow.SignalExternal(sctx, id, passphrase, text); err != nil {
		return "", err
	}
	return text, workflow.SignalExternal(ctx, id, word, "go on")
}

// The headers of a signal come with it: through another workflow, and into the run that follows the one that did not receive it.
func TestHeadersOfSignals(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(follower), worker.Workflow(teller), worker.Activity(tracedActivity), worker.Propagator(propagation.TraceContext()))
	c, err := client.New(e.Conn(), client.DefaultQueue(rig.Queue), client.Propagator(propagation.TraceContext()))
	check(t, err)
	run := rig.Run(t, e, follower, false, client.ID("follower"))
	rig.Run(t, e, teller, "follower", client.ID("teller"))
	ctx := propagation.WithHeaders(t.Context(), map[string]string{"traceparent": trace})
	check(t, client.Signal(ctx, c, "teller", passphrase, "please"))
	if got, want := rig.Result(t, run), "please true map[traceparent:"+trace+"] "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// asked answers queries and updates, and ends with a signal.
func asked(ctx workflow.Context, _ string) (string, error) {
	workflow.HandleQuery(ctx, workflow.NewQuery[string, string]("echo"), func(s string) (string, error) { return s, nil })
	workflow.HandleUpdate(ctx, inquire, func(_ workflow.Context, s string) (string, error) { return s + " done", nil },
		workflow.Validate(func(_ workflow.Context, s string) error {
			if s == "" {
				return workflow.NewError("Empty", "ask something")
			}
			return nil
		}))
	return workflow.Receive(ctx, word)
}

// witness notes what its interceptor sees of what others want of a workflow.
type witness struct {
	mu   sync.Mutex
	seen []string
}

func (w *witness) saw(ctx workflow.Context, what ...string) {
	if workflow.IsReplaying(ctx) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, strings.Join(what, " "))
}

func (w *witness) interceptor() workflow.Interceptor {
	return workflow.Interceptor{
		Update: func(next workflow.UpdateFunc) workflow.UpdateFunc {
			return func(ctx workflow.Context, in protocol.Payload) (protocol.Payload, error) {
				w.saw(ctx, "update", workflow.UpdateInfo(ctx).Name, in.String(), workflow.Header(ctx, "tenant"))
				out, err := next(ctx, in)
				w.saw(ctx, "update gave", out.String(), fmt.Sprint(err))
				return out, err
			}
		},
		Validate: func(next workflow.ValidateFunc) workflow.ValidateFunc {
			return func(ctx workflow.Context, in protocol.Payload) error {
				w.saw(ctx, "validation", workflow.UpdateInfo(ctx).Name, in.String(), workflow.Header(ctx, "tenant"))
				err := next(ctx, in)
				w.saw(ctx, "validation gave", fmt.Sprint(err))
				return err
			}
		},
		Receive: func(next workflow.ReceiveFunc) workflow.ReceiveFunc {
			return func(ctx workflow.Context, name string, in protocol.Payload) (protocol.Payload, error) {
				w.saw(ctx, "signal", name, in.String(), workflow.Header(ctx, "tenant"))
				if in.String() == `"censored"` {
					return protocol.Encode("nothing")
				}
				return next(ctx, name, in)
			}
		},
		Query: func(next workflow.QueryFunc) workflow.QueryFunc {
			return func(ctx workflow.Context, name string, in protocol.Payload) (protocol.Payload, error) {
				w.saw(ctx, "query", name, in.String(), workflow.Header(ctx, "tenant"))
				if workflow.Header(ctx, "tenant") == "" {
					return protocol.Payload{}, workflow.NewError("Who", "who asks?")
				}
				return next(ctx, name, in)
			}
		},
	}
}

// Interceptors wrap what others want of a workflow, with the headers that they sent, and may refuse or change it.
func TestInterceptorsOfHandlers(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	w := &witness{}
	e.Work(t, worker.Workflow(asked), worker.Intercept(worker.Interceptor{Workflow: w.interceptor()}))
	tenant := client.Intercept(func(next client.Invoker) client.Invoker {
		return func(ctx context.Context, call *client.Call) error {
			if call.Headers != nil && call.Method != "start" {
				call.Headers["tenant"] = "a"
			}
			return next(ctx, call)
		}
	})
	c, err := client.New(e.Conn(), client.DefaultQueue(rig.Queue), tenant)
	check(t, err)
	run := rig.Run(t, e, asked, "")
	query := protocol.NewQuery[string, string]("echo")
	if got, err := client.Query(t.Context(), c, run.ID(), query, "hello"); err != nil || got != "hello" {
		t.Errorf("the query is answered %q, %v", got, err)
	}
	if _, err := client.Query(t.Context(), e.Client(), run.ID(), query, "hello"); err == nil || !strings.Contains(err.Error(), "who asks?") {
		t.Errorf("the query of nobody is answered %v", err)
	}
	if _, err := client.Update(t.Context(), c, run.ID(), inquire, ""); err == nil {
		t.Error("an empty update is accepted")
	}
	if got, err := client.Update(t.Context(), c, run.ID(), inquire, "it"); err != nil || got != "it done" {
		t.Errorf("the update came to %q, %v", got, err)
	}
	check(t, client.Signal(t.Context(), c, run.ID(), word, "censored"))
	if got := rig.Result(t, run); got != "nothing" {
		t.Errorf("the workflow received %q", got)
	}
	want := []string{
		`query echo "hello" a`, `query echo "hello" `,
		`validation ask "" a`, `validation gave ask something`,
		`validation ask "it" a`, `validation gave <nil>`, `update ask "it" a`, `update gave "it done" <nil>`,
		`signal word "censored" a`,
	}
	if !slices.Equal(w.seen, want) {
		t.Errorf("saw\n%s\nwant\n%s", strings.Join(w.seen, "\n"), strings.Join(want, "\n"))
	}
}
