package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var (
	add    = workflow.NewUpdate[int, int]("add")
	greet  = workflow.NewUpdate[string, string]("greet")
	settle = workflow.NewUpdate[struct{}, int]("settle")
)

var errNegative = errors.New("only what is positive can be added")

// Counter adds up until it is told to settle. It refuses what is negative, and greets through an activity.
func Counter(ctx workflow.Context, _ struct{}) (int, error) {
	sum, settled := 0, false
	workflow.HandleUpdate(ctx, add, func(_ workflow.Context, n int) (int, error) {
		sum += n
		return sum, nil
	}, workflow.Validate(func(_ workflow.Context, n int) error {
		if n < 0 {
			return errNegative
		}
		return nil
	}))
	workflow.HandleUpdate(ctx, greet, func(ctx workflow.Context, name string) (string, error) {
		if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
			return "", err
		}
		return workflow.Do(ctx, Hello, name)
	})
	workflow.HandleUpdate(ctx, settle, func(workflow.Context, struct{}) (int, error) {
		settled = true
		return sum, nil
	})
	err := workflow.Await(ctx, func() bool { return settled && workflow.AllHandlersFinished(ctx) })
	return sum, err
}

func counting(t *testing.T) (*rig.Engine, *client.Run[int]) {
	t.Helper()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Counter), worker.Activity(Hello))
	return e, rig.Run(t, e, Counter, struct{}{})
}

func ask[I, O any](t *testing.T, e *rig.Engine, id string, u workflow.Update[I, O], in I, opts ...client.ToOption) O {
	t.Helper()
	out, err := client.Update(t.Context(), e.Client(), id, u, in, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	e, run := counting(t)
	if got := ask(t, e, run.ID(), add, 2); got != 2 {
		t.Errorf("the first update came to %d, want 2", got)
	}
	if got := ask(t, e, run.ID(), add, 3); got != 5 {
		t.Errorf("the second update came to %d, want 5", got)
	}
	if got := ask(t, e, run.ID(), greet, "Ada"); got != "Hello Ada" {
		t.Errorf("an update with an activity came to %q", got)
	}
	if got := ask(t, e, run.ID(), settle, struct{}{}); got != 5 {
		t.Errorf("settled at %d, want 5", got)
	}
	if got := rig.Result(t, run); got != 5 {
		t.Errorf("the run came to %d, want 5", got)
	}
}

// A rejected update leaves no trace, tells why, and the run goes on.
func TestUpdateRejected(t *testing.T) {
	t.Parallel()
	e, run := counting(t)
	ask(t, e, run.ID(), add, 1)
	before := len(e.History(t, run.ID()))
	_, err := client.Update(t.Context(), e.Client(), run.ID(), add, -1)
	var rejected *protocol.RejectedFailure
	if !errors.Is(err, protocol.ErrRejected) || !errors.As(err, &rejected) || rejected.Update != "add" || !strings.Contains(err.Error(), errNegative.Error()) {
		t.Errorf("a rejected update gives %v", err)
	}
	_, err = client.UpdateNamed[int](t.Context(), e.Client(), run.ID(), "multiply", 2)
	if !errors.Is(err, protocol.ErrRejected) || !strings.Contains(err.Error(), "it has add, greet, settle") {
		t.Errorf("an update that nobody handles gives %v", err)
	}
	_, err = client.UpdateNamed[int](t.Context(), e.Client(), run.ID(), "add", "two")
	if !errors.Is(err, protocol.ErrRejected) || !strings.Contains(err.Error(), "cannot be decoded") {
		t.Errorf("an update with a value that does not fit gives %v", err)
	}
	if after := len(e.History(t, run.ID())); after != before {
		t.Errorf("three rejected updates added %d events", after-before)
	}
	if got := ask(t, e, run.ID(), settle, struct{}{}); got != 1 {
		t.Errorf("settled at %d, want 1", got)
	}
}

// The same ID is the same update, whenever it comes: also when the run has ended.
func TestUpdateAskedAgain(t *testing.T) {
	t.Parallel()
	e, run := counting(t)
	for range 3 {
		if got := ask(t, e, run.ID(), add, 4, client.UpdateID("once")); got != 4 {
			t.Errorf("the update came to %d, want 4", got)
		}
	}
	ask(t, e, run.ID(), settle, struct{}{})
	if got := rig.Result(t, run); got != 4 {
		t.Errorf("the run came to %d, want 4", got)
	}
	if got := ask(t, e, run.ID(), add, 4, client.UpdateID("once")); got != 4 {
		t.Errorf("after the run's end the update came to %d, want 4", got)
	}
	got, err := client.GetUpdate[int](e.Client(), run.ID(), "", "once").Wait(t.Context())
	if err != nil || got != 4 {
		t.Errorf("the update came to %d, %v, want 4", got, err)
	}
	if _, err := client.Update(t.Context(), e.Client(), run.ID(), add, 4); !errors.Is(err, protocol.ErrClosed) {
		t.Errorf("a new update to a closed run gives %v", err)
	}
	if _, err := client.Update(t.Context(), e.Client(), "nobody", add, 4); !errors.Is(err, protocol.ErrNotFound) {
		t.Errorf("an update to an unknown workflow gives %v", err)
	}
	if _, err := client.GetUpdate[int](e.Client(), run.ID(), "", "never").Wait(t.Context()); !errors.Is(err, protocol.ErrNotFound) {
		t.Errorf("a handle on an unknown update gives %v", err)
	}
}

// An update of the same request is that of the run which took it, also when the workflow has another run by now.
func TestUpdateAskedAgainOfTheNextRun(t *testing.T) {
	t.Parallel()
	e, run := counting(t)
	again := []client.ToOption{client.UpdateID("once"), client.WithRequestID("request")}
	ask(t, e, run.ID(), add, 4, again...)
	ask(t, e, run.ID(), settle, struct{}{})
	rig.Result(t, run)
	next := rig.Run(t, e, Counter, struct{}{}, client.ID(run.ID()))
	h, err := client.StartUpdate(t.Context(), e.Client(), run.ID(), add, 4, again...)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := h.Wait(t.Context()); err != nil || got != 4 || h.RunID() != run.RunID() {
		t.Errorf("the update came to %d, %v, in the run %s, want 4 in %s", got, err, h.RunID(), run.RunID())
	}
	if got := ask(t, e, run.ID(), add, 1, client.UpdateID("once")); got != 1 {
		t.Errorf("another request under the same ID came to %d in the next run, want 1", got)
	}
	ask(t, e, run.ID(), settle, struct{}{})
	if got := rig.Result(t, next); got != 1 {
		t.Errorf("the next run came to %d, want 1", got)
	}
}

// An update that comes before any worker waits in history.
func TestUpdateWithoutAWorker(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	run := rig.Run(t, e, Counter, struct{}{})
	var asking errgroup.Group
	asking.Go(func() error {
		h, err := client.StartUpdate(context.WithoutCancel(t.Context()), e.Client(), run.ID(), add, 2, client.UpdateID("early"))
		if err != nil {
			return err
		}
		got, err := h.Wait(context.WithoutCancel(t.Context()))
		if err == nil && got != 2 {
			err = fmt.Errorf("the update came to %d, want 2", got)
		}
		return err
	})
	e.Await(t, run.ID(), "WorkflowExecutionUpdateAdmitted")
	d, err := e.Client().Describe(t.Context(), run.ID())
	if err != nil || len(d.Updates) != 1 || d.Updates[0].Stage != protocol.UpdateAdmitted {
		t.Errorf("describe shows %+v, %v", d.Updates, err)
	}
	asking.Go(func() error {
		_, err := client.Update(context.WithoutCancel(t.Context()), e.Client(), run.ID(), add, -2, client.UpdateID("wrong"))
		if !errors.Is(err, protocol.ErrRejected) {
			return fmt.Errorf("a rejected update that waited gives %w", err)
		}
		return nil
	})
	rig.Until(t, "the second update in history", func() bool {
		return len(rig.Find[protocol.WorkflowExecutionUpdateAdmitted](e.History(t, run.ID()))) == 2
	})
	e.Work(t, worker.Workflow(Counter), worker.Activity(Hello))
	if err := asking.Wait(); err != nil {
		t.Error(err)
	}
	if n := len(rig.Find[protocol.WorkflowExecutionUpdateRejected](e.History(t, run.ID()))); n != 1 {
		t.Errorf("history tells of %d rejected updates, want 1", n)
	}
}

// A thousand updates to one run, from fifty sides at once: each gets its own result.
func TestManyUpdates(t *testing.T) {
	t.Parallel()
	const updates, askers = 1000, 50
	e, run := counting(t)
	var mu sync.Mutex
	var sums []int
	var asking errgroup.Group
	for i := range askers {
		asking.Go(func() error {
			for range updates / askers {
				name := fmt.Sprint("asker ", i)
				if i%10 == 0 { // some take several steps
					got, err := client.Update(t.Context(), e.Client(), run.ID(), greet, name)
					if err != nil || got != "Hello "+name {
						return fmt.Errorf("%s got %q, %w", name, got, err)
					}
				}
				sum, err := client.Update(t.Context(), e.Client(), run.ID(), add, 1)
				if err != nil {
					return err
				}
				mu.Lock()
				sums = append(sums, sum)
				mu.Unlock()
			}
			return nil
		})
	}
	if err := asking.Wait(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(sums)
	for i, sum := range sums {
		if sum != i+1 {
			t.Fatalf("result %d is %d: somebody got the result of another", i+1, sum)
		}
	}
	if got := ask(t, e, run.ID(), settle, struct{}{}); got != updates {
		t.Errorf("settled at %d, want %d", got, updates)
	}
}

// The worker that accepted an update is gone before the update completes: another one replays, and completes it.
func TestUpdateAcrossWorkers(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	stop := e.Work(t, worker.Workflow(Doorman))
	run := rig.Run(t, e, Doorman, struct{}{})
	h, err := client.StartUpdate(t.Context(), e.Client(), run.ID(), greet, "Ada", client.UpdateID("patient"))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	e.Work(t, worker.Workflow(Doorman))
	if err := client.Signal(t.Context(), e.Client(), run.ID(), word, "at last"); err != nil {
		t.Fatal(err)
	}
	if got, err := h.Wait(t.Context()); err != nil || got != "Ada: at last" {
		t.Errorf("the update came to %q, %v", got, err)
	}
	if got := rig.Result(t, run); got != "Ada" {
		t.Errorf("the run came to %q", got)
	}
}

// Doorman greets whom it is asked to when it hears a word, and ends.
func Doorman(ctx workflow.Context, _ struct{}) (string, error) {
	var greeted string
	workflow.HandleUpdate(ctx, greet, func(ctx workflow.Context, name string) (string, error) {
		w, err := workflow.Receive(ctx, word)
		greeted = name
		return name + ": " + w, err
	})
	err := workflow.Await(ctx, func() bool { return greeted != "" && workflow.AllHandlersFinished(ctx) })
	return greeted, err
}

// An update is pending when its run is ended from outside: whoever waits for it hears that it failed.
func TestUpdateOfARunThatEnds(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Doorman))
	run := rig.Run(t, e, Doorman, struct{}{})
	h, err := client.StartUpdate(t.Context(), e.Client(), run.ID(), greet, "Ada")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Client().Terminate(t.Context(), run.ID()); err != nil {
		t.Fatal(err)
	}
	for _, wait := range []func(context.Context) (string, error){
		h.Wait, client.GetUpdate[string](e.Client(), run.ID(), run.RunID(), h.ID()).Wait,
	} {
		if _, err := wait(t.Context()); err == nil || !strings.Contains(err.Error(), "the workflow ended before the update completed") {
			t.Errorf("an update of a terminated run gives %v", err)
		}
	}
}

// A value that does not fit into a message travels through the object store, both ways, also when it is replayed.
func TestLargeUpdate(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	stop := e.Work(t, worker.Workflow(Counter), worker.Activity(Hello))
	run := rig.Run(t, e, Counter, struct{}{})
	name := strings.Repeat("Ada ", client.DefaultBlobThreshold)
	if got := ask(t, e, run.ID(), greet, name); got != "Hello "+name {
		t.Errorf("a large update came to %d bytes, want %d", len(got), len(name)+6)
	}
	stop()
	e.Work(t, worker.Workflow(Counter), worker.Activity(Hello))
	if got := ask(t, e, run.ID(), settle, struct{}{}); got != 0 {
		t.Errorf("settled at %d, want 0", got)
	}
}

// A thousand updates that wait for a worker all wait in history, and each gets its result.
func TestManyUpdatesWithoutAWorker(t *testing.T) {
	t.Parallel()
	const updates = 1000
	e := rig.Start(t)
	run := rig.Run(t, e, Counter, struct{}{})
	var asking errgroup.Group
	sums := make([]int, updates)
	for i := range updates {
		asking.Go(func() (err error) {
			sums[i], err = client.Update(context.WithoutCancel(t.Context()), e.Client(), run.ID(), add, 1)
			return err
		})
	}
	rig.Until(t, "all updates in history", func() bool {
		d, err := e.Client().Describe(t.Context(), run.ID())
		return err == nil && len(d.Updates) == updates
	})
	e.Work(t, worker.Workflow(Counter), worker.Activity(Hello))
	if err := asking.Wait(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(sums)
	for i, sum := range sums {
		if sum != i+1 {
			t.Fatalf("result %d is %d: somebody got the result of another", i+1, sum)
		}
	}
}

// Successive continues as new when it hears a word, and is then a desk that greets.
func Successive(ctx workflow.Context, second bool) (string, error) {
	if !second {
		if _, err := workflow.Receive(ctx, word); err != nil {
			return "", err
		}
		return "", workflow.ContinueAsNew(ctx, Successive, true)
	}
	return Doorman(ctx, struct{}{})
}

// A run that continues as new ends without having seen an update: the update goes to the next one.
func TestUpdateOfARunThatContinues(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	run := rig.Run(t, e, Successive, false)
	var asking errgroup.Group
	asking.Go(func() error {
		got, err := client.Update(context.WithoutCancel(t.Context()), e.Client(), run.ID(), greet, "Ada")
		if err == nil && got != "Ada: hello" {
			err = fmt.Errorf("the update came to %q", got)
		}
		return err
	})
	e.Await(t, run.ID(), "WorkflowExecutionUpdateAdmitted")
	for _, w := range []string{"go on", "hello"} {
		if err := client.Signal(t.Context(), e.Client(), run.ID(), word, w); err != nil {
			t.Fatal(err)
		}
	}
	e.Work(t, worker.Workflow(Successive))
	if err := asking.Wait(); err != nil {
		t.Error(err)
	}
}

// A paused run takes updates, and answers when it goes on.
func TestUpdateOfAPausedRun(t *testing.T) {
	t.Parallel()
	e, run := counting(t)
	ask(t, e, run.ID(), add, 1)
	if err := e.Client().Pause(t.Context(), run.ID()); err != nil {
		t.Fatal(err)
	}
	var asking errgroup.Group
	asking.Go(func() error {
		got, err := client.Update(context.WithoutCancel(t.Context()), e.Client(), run.ID(), add, 2)
		if err == nil && got != 3 {
			err = fmt.Errorf("the update came to %d", got)
		}
		return err
	})
	e.Await(t, run.ID(), "WorkflowExecutionUpdateAdmitted")
	if err := e.Client().Unpause(t.Context(), run.ID()); err != nil {
		t.Fatal(err)
	}
	if err := asking.Wait(); err != nil {
		t.Error(err)
	}
}

// An update starts the workflow if none is open, and is done once however often the request is sent.
func TestUpdateWithStart(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Counter), worker.Activity(Hello))
	begin := func(n int, request string) (*client.Run[int], int, error) {
		run, h, err := client.UpdateWithStart(t.Context(), e.Client(), Counter, struct{}{}, add, n,
			client.ID("counter"), client.Queue(rig.Queue), client.RequestID(request))
		if err != nil {
			return nil, 0, err
		}
		sum, err := h.Wait(t.Context())
		return run, sum, err
	}
	var first *client.Run[int]
	for _, c := range []struct {
		n       int
		request string
		sum     int
	}{{2, "a", 2}, {3, "b", 5}, {2, "a", 2}, {3, "b", 5}} {
		run, sum, err := begin(c.n, c.request)
		if err != nil || sum != c.sum {
			t.Fatalf("%s came to %d, %v, want %d", c.request, sum, err, c.sum)
		}
		if first == nil {
			first = run
		}
		if run.RunID() != first.RunID() {
			t.Errorf("%s reached run %s, want %s", c.request, run.RunID(), first.RunID())
		}
	}
	if _, _, err := begin(-1, "c"); !errors.Is(err, protocol.ErrRejected) {
		t.Errorf("a rejected update gives %v", err)
	}
	ask(t, e, "counter", settle, struct{}{})
	if got := rig.Result(t, first); got != 5 {
		t.Errorf("the run came to %d, want 5", got)
	}
	if _, _, err := begin(-1, "d"); !errors.Is(err, protocol.ErrRejected) {
		t.Errorf("a rejected update of a new run gives %v", err)
	}
	ask(t, e, "counter", settle, struct{}{})
	if run, err := e.Client().Describe(t.Context(), "counter"); err != nil || run.Run == first.RunID() {
		t.Errorf("the rejected update took the start back: %v, %v", run.Run, err)
	}
}
