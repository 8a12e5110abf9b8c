package engine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Tally is what a run of [Count] hands to the next.
type Tally struct {
	Words []string
	Runs  int
	Want  int
}

// Count receives two words in each run and leaves the rest to the next run.
func Count(ctx workflow.Context, t Tally) (Tally, error) {
	t.Runs++
	for range 2 {
		w, err := workflow.Receive(ctx, word)
		if err != nil {
			return t, err
		}
		if t.Words = append(t.Words, w); len(t.Words) == t.Want {
			return t, nil
		}
	}
	return t, workflow.ContinueAsNew(ctx, Count, t)
}

// What a run did not receive is received by the next, in the order of arrival, and whoever waits for the first waits for the last.
func TestContinueAsNewCarriesSignals(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	const n = 25
	run := rig.Run(t, e, Count, Tally{Want: n})
	var want []string
	for i := range n {
		want = append(want, strconv.Itoa(i))
		if err := client.Signal(t.Context(), e.Client(), run.ID(), word, want[i]); err != nil {
			t.Fatal(err)
		}
		if i == n/2 {
			e.Work(t, worker.Workflow(Count)) // half of the words come while the runs follow each other
		}
	}
	got := rig.Result(t, run)
	if !slices.Equal(got.Words, want) || got.Runs != (n+1)/2 {
		t.Errorf("%d runs received %q, want %d runs and %q", got.Runs, got.Words, (n+1)/2, want)
	}
	events := e.History(t, run.ID())
	if s := rig.Find[protocol.WorkflowExecutionStarted](events)[0]; s.FirstRunID != run.RunID() || s.PreviousRunID == "" {
		t.Errorf("the last run begins with %+v, want the first to be %s", s, run.RunID())
	}
	first, err := e.Client().Describe(t.Context(), run.ID(), client.InRun(run.RunID()))
	if err != nil || first.Status != protocol.StatusContinuedAsNew || first.Outcome.Next == "" {
		t.Errorf("the first run is %s with outcome %+v, %v", first.Status, first.Outcome, err)
	}
}

var errFlaky = errors.New("flaky")

// Flaky fails until its third attempt.
func Flaky(ctx workflow.Context, _ struct{}) (string, error) {
	info := workflow.GetInfo(ctx)
	if info.Attempt < 3 {
		return "", errFlaky
	}
	return fmt.Sprintf("attempt %d after %q", info.Attempt, info.LastFailure.Message), nil
}

func TestFailedRunIsTriedAgain(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Flaky))
	run := rig.Run(t, e, Flaky, struct{}{}, client.Retry(protocol.RetryPolicy{
		InitialInterval: protocol.Duration(10 * time.Millisecond), MaximumAttempts: 5,
	}))
	if got, want := rig.Result(t, run), `attempt 3 after "flaky"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRunIsNotTriedAgainWithoutAPolicy(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Flaky))
	_, err := rig.Run(t, e, Flaky, struct{}{}).Wait(t.Context())
	if err == nil || err.Error() != errFlaky.Error() {
		t.Errorf("the run ended with %v, want %v", err, errFlaky)
	}
}

func TestReusePolicies(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Flaky), worker.Workflow(Collect))
	start := func(wf string, in any, p protocol.ReusePolicy) error {
		run, err := client.StartNamed[protocol.Payload](t.Context(), e.Client(), wf, in,
			client.ID("one"), client.Queue(rig.Queue), client.Reuse(p))
		if err == nil {
			_, _ = run.Wait(t.Context())
		}
		return err
	}
	steps := []struct {
		workflow string
		policy   protocol.ReusePolicy
		refused  bool
	}{
		{"engine.Flaky", "", false},
		{"engine.Flaky", protocol.ReuseReject, true},
		{"engine.Flaky", protocol.ReuseAfterFailure, false}, // the last one failed
		{"engine.Collect", protocol.ReuseAllow, false},      // and this one completes
		{"engine.Collect", protocol.ReuseAfterFailure, true},
		{"engine.Collect", protocol.ReuseAllow, false},
	}
	for i, s := range steps {
		if err := start(s.workflow, 0, s.policy); errors.Is(err, protocol.ErrAlreadyStarted) != s.refused || !s.refused && err != nil {
			t.Errorf("start %d with policy %q: %v, want refused: %t", i+1, s.policy, err, s.refused)
		}
	}
}

// However many start at once and whoever is first, one run is open at the end and every other was terminated to make room.
func TestTerminateExistingLeavesOne(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Collect))
	const n = 20
	runs := make([]*client.Run[[]string], n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			run, err := client.Start(t.Context(), e.Client(), Collect, 1, client.ID("one"), client.Queue(rig.Queue),
				client.OnConflict(protocol.ConflictTerminate))
			if err != nil {
				t.Error(err)
				return
			}
			runs[i] = run
		})
	}
	all.Wait()
	open := 0
	for _, run := range runs {
		d, err := e.Client().Describe(t.Context(), "one", client.InRun(run.RunID()))
		if err != nil {
			t.Fatal(err)
		}
		switch d.Status {
		case protocol.StatusRunning:
			open++
		case protocol.StatusTerminated:
		default:
			t.Errorf("run %s is %s", run.RunID(), d.Status)
		}
	}
	if open != 1 {
		t.Errorf("%d runs are open, want 1", open)
	}
}

func TestUseExistingAnswersWithTheOpenRun(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Collect))
	first := rig.Run(t, e, Collect, 1, client.ID("one"))
	second := rig.Run(t, e, Collect, 5, client.ID("one"), client.OnConflict(protocol.ConflictUseExisting))
	if second.RunID() != first.RunID() {
		t.Errorf("the second start gave run %s, want %s", second.RunID(), first.RunID())
	}
	if err := client.Signal(t.Context(), e.Client(), "one", word, "w"); err != nil {
		t.Fatal(err)
	}
	if got := rig.Result(t, second); !slices.Equal(got, []string{"w"}) {
		t.Errorf("got %q", got)
	}
}

// Signals that race to start their workflow all reach the one run that comes of it.
func TestSignalWithStartLosesNone(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Collect))
	const n = 40
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			_, err := client.SignalWithStart(t.Context(), e.Client(), Collect, n, word, strconv.Itoa(i),
				client.ID("cart"), client.Queue(rig.Queue))
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	got := rig.Result(t, client.Get[[]string](e.Client(), "cart", ""))
	slices.Sort(got)
	if len(slices.Compact(got)) != n {
		t.Errorf("received %d different signals, want %d", len(got), n)
	}
}

// The first event after the start of a signal-with-start is its signal, so that the code's first step sees it.
func TestSignalWithStartSignalsFirst(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Collect))
	run, err := client.SignalWithStart(t.Context(), e.Client(), Collect, 1, word, "w", client.Queue(rig.Queue))
	if err != nil {
		t.Fatal(err)
	}
	if got := rig.Result(t, run); !slices.Equal(got, []string{"w"}) {
		t.Errorf("got %q", got)
	}
	types := rig.Types(e.History(t, run.ID()))
	if types[1] != "WorkflowExecutionSignaled" || types[2] != "WorkflowTaskScheduled" {
		t.Errorf("the history is %v", types)
	}
}
