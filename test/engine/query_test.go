package engine

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var (
	heard  = workflow.NewQuery[int, []string]("heard")
	fails  = workflow.NewQuery[struct{}, string]("fails")
	sleeps = workflow.NewQuery[struct{}, string]("sleeps")
	large  = workflow.NewQuery[string, string]("large")
)

// listener receives words and tells what it has heard. It counts how often its code began.
type listener struct{ begun atomic.Int64 }

func (l *listener) Listen(ctx workflow.Context, n int) (int, error) {
	l.begun.Add(1)
	var words []string
	workflow.HandleQuery(ctx, heard, func(from int) ([]string, error) { return words[min(from, len(words)):], nil })
	workflow.HandleQuery(ctx, fails, func(struct{}) (string, error) { return "", workflow.NewError("Deaf", "heard nothing") })
	workflow.HandleQuery(ctx, sleeps, func(struct{}) (string, error) { return "slept", workflow.Sleep(ctx, 1) })
	workflow.HandleQuery(ctx, large, func(s string) (string, error) { return s + s, nil })
	for range n {
		w, err := workflow.Receive(ctx, word)
		if err != nil {
			return len(words), err
		}
		words = append(words, w)
	}
	return len(words), nil
}

func hears(t *testing.T, e *rig.Engine, id string, want ...string) {
	t.Helper()
	got, err := client.Query(t.Context(), e.Client(), id, heard, 0)
	if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the query is answered with %q, %v, want %q", got, err, want)
	}
}

// A query sees what the signals before it did, on the run in the cache, on another worker that replays it, and after the run's end. It
// leaves no trace.
func TestQuery(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	l := &listener{}
	stop := e.Work(t, worker.Workflow(l.Listen))
	run := rig.Run(t, e, l.Listen, 3)
	hears(t, e, run.ID())
	signals(t, e, run.ID(), "a", "b")
	before := len(e.History(t, run.ID()))
	hears(t, e, run.ID(), "a", "b")
	if n := l.begun.Load(); n != 1 {
		t.Errorf("the code began %d times, want the cached run to answer", n)
	}
	stop()
	e.Work(t, worker.Workflow(l.Listen))
	hears(t, e, run.ID(), "a", "b")
	hears(t, e, run.ID(), "a", "b")
	if after := len(e.History(t, run.ID())); after != before {
		t.Errorf("the history has %d events, had %d", after, before)
	}
	signals(t, e, run.ID(), "c")
	rig.Result(t, run)
	if n := l.begun.Load(); n != 2 {
		t.Errorf("the code began %d times, want the run that was replayed for a query to take the next step", n)
	}
	hears(t, e, run.ID(), "a", "b", "c")
}

func TestQueryThatIsNotAnswered(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	l := &listener{}
	run := rig.Run(t, e, l.Listen, 1)
	ask := func(name string) error {
		_, err := client.QueryNamed[string](t.Context(), e.Client(), run.ID(), name, nil)
		return err
	}
	wantCode := func(err error, code protocol.Code, text string) {
		t.Helper()
		if err == nil || protocol.AsError(err).Code != code || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want an error of code %s that says %q", err, code, text)
		}
	}
	wantCode(ask("heard"), protocol.CodeNotReady, "has not taken its first step yet")
	stop := e.Work(t, worker.Workflow(l.Listen))
	rig.Until(t, "the first step", func() bool { return len(completedSteps(e.History(t, run.ID()))) == 1 })
	wantCode(ask("herd"), protocol.CodeUnknownQuery, "it answers fails, heard, large, sleeps")
	wantCode(ask(""), protocol.CodeBadRequest, "a query needs a name")
	var app *protocol.ApplicationFailure
	if err := ask("fails"); !errors.As(err, &app) || app.Type != "Deaf" {
		t.Errorf("the handler's error arrives as %v", err)
	}
	if err := ask("sleeps"); err == nil || !strings.Contains(err.Error(), "must not") {
		t.Errorf("a handler that sleeps: %v", err)
	}
	hears(t, e, run.ID()) // neither broke the run
	if l.begun.Load() != 1 {
		t.Errorf("the code began %d times", l.begun.Load())
	}
	stop()
	wantCode(ask("heard"), protocol.CodeNoWorker, "no worker serves the queue")
	if _, err := client.Query(t.Context(), e.Client(), "nothing", heard, 0); !errors.Is(err, protocol.ErrNotFound) {
		t.Errorf("a query of nothing: %v", err)
	}
}

// nodesAsked counts the queries that came to the control API.
func nodesAsked(t *testing.T, e *rig.Engine) func() int {
	t.Helper()
	sub, err := e.Conn().SubscribeSync(protocol.DefaultNamespace.API(protocol.EndpointQuery))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Unsubscribe() })
	return func() int {
		t.Helper()
		check(t, e.Conn().Flush())
		n, _, err := sub.Pending()
		check(t, err)
		return n
	}
}

// The worker that has the run in its cache answers without a node's help, whatever the client knows of it; and what it cannot answer, a
// node can.
func TestQueryGoesToTheWorker(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	l := &listener{}
	first := e.Work(t, worker.Workflow(l.Listen))
	run := rig.Run(t, e, l.Listen, 3)
	n := nodesAsked(t, e)
	hears(t, e, run.ID())
	signals(t, e, run.ID(), "a")
	hears(t, e, run.ID(), "a")
	if _, err := client.Query(t.Context(), e.Client(), run.ID(), heard, 0, client.InRun(run.RunID())); err != nil {
		t.Error(err)
	}
	if n() != 0 {
		t.Errorf("a node was asked %d times, want the worker to be asked directly", n())
	}
	if _, err := client.QueryNamed[string](t.Context(), e.Client(), run.ID(), "herd", nil); protocol.AsError(err).Code != protocol.CodeUnknownQuery {
		t.Errorf("a query of an unknown name: %v", err)
	}
	first()
	e.Work(t, worker.Workflow(l.Listen))
	before := n()
	hears(t, e, run.ID(), "a") // replayed: the worker of the last step is gone
	if n() != before+1 {
		t.Errorf("a node was asked %d times, want once", n()-before)
	}
	signals(t, e, run.ID(), "b")
	hears(t, e, run.ID(), "a", "b") // the new worker took that step
	if n() != before+1 {
		t.Errorf("a node was asked %d times, want the new worker to be asked directly", n()-before)
	}
	signals(t, e, run.ID(), "c")
	rig.Result(t, run)
	hears(t, e, run.ID(), "a", "b", "c")
	if n() != before+2 {
		t.Errorf("a node was asked %d times, want once about a run that has ended", n()-before-1)
	}
}

// A paused run is asked as it was when it took its last step, although its history goes on.
func TestQueryOfAPausedRun(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	l := &listener{}
	e.Work(t, worker.Workflow(l.Listen))
	run := rig.Run(t, e, l.Listen, 2)
	signals(t, e, run.ID(), "a")
	hears(t, e, run.ID(), "a")
	check(t, e.Client().Pause(t.Context(), run.ID()))
	signals(t, e, run.ID(), "b")
	hears(t, e, run.ID(), "a")
	check(t, e.Client().Unpause(t.Context(), run.ID()))
	rig.Result(t, run)
}

// Queries and steps of one run get out of each other's way: every answer is a state that the run was in, none is older than what was
// known before the question, and the code is not replayed.
func TestQueriesBesideSteps(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	l := &listener{}
	e.Work(t, worker.Workflow(l.Listen))
	const n = 100
	run := rig.Run(t, e, l.Listen, n+1)
	byNodes := nodesAsked(t, e)
	var all sync.WaitGroup
	var known atomic.Int64
	for range 10 {
		all.Go(func() {
			for range 100 {
				before := known.Load()
				got, err := client.Query(t.Context(), e.Client(), run.ID(), heard, 0)
				if err != nil || int64(len(got)) < before {
					t.Errorf("heard %d words after %d, %v", len(got), before, err)
					return
				}
				atLeast(&known, int64(len(got)))
			}
		})
	}
	for i := range n {
		signals(t, e, run.ID(), strconv.Itoa(i))
		atLeast(&known, int64(i+1))
	}
	all.Wait()
	signals(t, e, run.ID(), "end")
	if got := rig.Result(t, run); got != n+1 {
		t.Errorf("the run heard %d words, want %d", got, n+1)
	}
	if got := l.begun.Load(); got > n { // a few, when the machine is so busy that a record takes a second
		t.Errorf("the code began %d times: the queries drive the run out of the cache", got)
	}
	t.Logf("a node was asked about %d of 1,000 queries", byNodes())
}

// atLeast raises n to v.
func atLeast(n *atomic.Int64, v int64) {
	for old := n.Load(); old < v && !n.CompareAndSwap(old, v); {
		old = n.Load()
	}
}

func TestLargeQuery(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	l := &listener{}
	e.Work(t, worker.Workflow(l.Listen))
	run := rig.Run(t, e, l.Listen, 1)
	half := strings.Repeat("x", 1<<20)
	got, err := client.Query(t.Context(), e.Client(), run.ID(), large, half)
	if err != nil || len(got) != 2*len(half) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

// The stack of a run is where its coroutines wait, in the author's lines.
func TestStackTrace(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(TwoLines))
	run := rig.Run(t, e, TwoLines, struct{}{})
	stack, err := client.QueryNamed[string](t.Context(), e.Client(), run.ID(), protocol.QueryStack, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"coroutine 1 waits at", "coroutine 2 waits at", "engine/query_test.go:", "engine.TwoLines.func1", "engine.TwoLines\n"} {
		if !strings.Contains(stack, want) {
			t.Errorf("the stack lacks %q:\n%s", want, stack)
		}
	}
	signals(t, e, run.ID(), "a")
}

// TwoLines waits in two places.
func TwoLines(ctx workflow.Context, _ struct{}) (string, error) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		if _, err := workflow.Receive(ctx, word); err != nil {
			return
		}
	})
	return workflow.Receive(ctx, word)
}

// A query can be for some states of a run only.
func TestQueryConditions(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(asked))
	ask := func(id string, r protocol.QueryReject) error {
		_, err := client.Query(t.Context(), e.Client(), id, protocol.NewQuery[string, string]("echo"), "x", client.Reject(r))
		return err
	}
	open := rig.Run(t, e, asked, "")
	done := rig.Run(t, e, asked, "")
	signals(t, e, done.ID(), "done")
	gone := rig.Run(t, e, asked, "")
	check(t, e.Client().Terminate(t.Context(), gone.ID()))
	for _, tt := range []struct {
		id      string
		r       protocol.QueryReject
		refused bool
	}{
		{open.ID(), protocol.RejectNotOpen, false},
		{done.ID(), protocol.RejectNotOpen, true},
		{done.ID(), protocol.RejectNotCompletedCleanly, false},
		{gone.ID(), protocol.RejectNotCompletedCleanly, true},
		{gone.ID(), "", false},
	} {
		if err := ask(tt.id, tt.r); errors.Is(err, protocol.ErrClosed) != tt.refused || !tt.refused && err != nil {
			t.Errorf("with condition %q: %v, want refused %t", tt.r, err, tt.refused)
		}
	}
	if err := ask(open.ID(), "Perhaps"); protocol.AsError(err).Code != protocol.CodeBadRequest {
		t.Errorf("a condition that is none: %v", err)
	}
}
