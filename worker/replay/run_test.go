package replay_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// world returns a world that runs f, whose input is nothing.
func world(t *testing.T, f func(workflow.Context) error) *replaytest.World {
	t.Helper()
	w := replaytest.New(programOf(f))
	t.Cleanup(w.Close)
	return w
}

// programOf is f as a program.
func programOf(f func(workflow.Context) error) replay.Program {
	return workflow.Program(func(ctx workflow.Context, _ any) (any, error) { return nil, f(ctx) }, nil)
}

func wantFailure(t *testing.T, a replay.Answer, cause protocol.TaskFailedCause, part string) {
	t.Helper()
	if a.Failure == nil || a.Cause != cause || !strings.Contains(a.Failure.Message, part) {
		t.Fatalf("got %v %v, want %s with %q", a.Cause, a.Failure, cause, part)
	}
}

func TestPanicHasTheStackOfTheWorkflow(t *testing.T) {
	t.Parallel()
	w := world(t, func(workflow.Context) error { return stumble() })
	w.Start(nil)
	a := w.Step()
	wantFailure(t, a, protocol.CauseWorkflowPanic, "index out of range")
	if !strings.Contains(a.Failure.Stack, "stumble") {
		t.Errorf("the stack does not show where: %s", a.Failure.Stack)
	}
}

func stumble() error {
	var none []error
	last := len(none) - 1
	return none[last] //nolint:govet // that is the point
}

func TestPanicInAnotherCoroutine(t *testing.T) {
	t.Parallel()
	w := world(t, func(ctx workflow.Context) error {
		workflow.Go(ctx, func(workflow.Context) { panic("over there") })
		return workflow.Sleep(ctx, time.Hour)
	})
	w.Start(nil)
	wantFailure(t, w.Step(), protocol.CauseWorkflowPanic, "over there")
}

func TestGoexitStaysInside(t *testing.T) {
	t.Parallel()
	run := replay.New(programOf(func(workflow.Context) error {
		runtime.Goexit()
		return nil
	}))
	wantFailure(t, run.Step(firstStep()), protocol.CauseWorkflowPanic, "Goexit")
	run.Close()
}

// firstStep is the shortest history there is.
func firstStep() []protocol.Event {
	return []protocol.Event{
		{ID: 1, Attributes: protocol.WorkflowExecutionStarted{Queue: "q"}},
		{ID: 2, Attributes: protocol.WorkflowTaskScheduled{}},
		{ID: 3, Attributes: protocol.WorkflowTaskStarted{ScheduledID: 2}},
	}
}

func TestCloseRunsDeferredCallsAndMayBeRepeated(t *testing.T) {
	t.Parallel()
	var calls []string
	run := replay.New(programOf(func(ctx workflow.Context) error {
		defer func() { calls = append(calls, "root") }()
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer func() { calls = append(calls, "other") }()
			defer func() { _ = workflow.Sleep(ctx, time.Hour) }() // must not hang
			workflow.Go(ctx, func(workflow.Context) { calls = append(calls, "never") })
			_ = workflow.Sleep(ctx, time.Hour)
		})
		return workflow.Sleep(ctx, time.Hour)
	}))
	if a := run.Step(firstStep()); a.Failure != nil {
		t.Fatal(a.Failure)
	}
	calls = nil
	run.Close()
	run.Close()
	if got := strings.Join(calls, " "); got != "other root" && got != "root other" {
		t.Errorf("deferred calls: %q", got)
	}
	wantFailure(t, run.Step(nil), protocol.CauseWorkflowPanic, "was closed")
}

func TestCloseBeforeTheFirstStep(t *testing.T) {
	t.Parallel()
	run := replay.New(programOf(func(workflow.Context) error { return nil }))
	run.Close()
	if run.LastEvent() != 0 {
		t.Error("an event was seen")
	}
}

// Code that recovers every panic would wait again for ever: it is left where it is, and Close returns.
func TestCodeThatRecoversFromUnwinding(t *testing.T) {
	t.Parallel()
	tries := 0
	run := replay.New(programOf(func(ctx workflow.Context) error {
		for {
			tries++
			func() {
				defer func() { _ = recover() }()
				_ = workflow.Sleep(ctx, time.Hour)
			}()
		}
	}))
	if a := run.Step(firstStep()); len(a.Commands) != 1 {
		t.Fatal(a)
	}
	run.Close()
	if tries < 2 {
		t.Errorf("tried %d times", tries)
	}
}

func TestContextInAGoroutine(t *testing.T) {
	t.Parallel()
	var kept workflow.Context
	w := world(t, func(ctx workflow.Context) error {
		kept = ctx
		return workflow.Sleep(ctx, time.Hour)
	})
	w.Start(nil)
	w.Step()
	defer func() {
		if p := recover(); p == nil || !strings.Contains(p.(string), "outside of its workflow") {
			t.Errorf("panic %v", p)
		}
	}()
	_, _ = workflow.Receive(kept, workflow.NewSignal[int]("s"))
}

func TestHolesAndOverlapsAreRefused(t *testing.T) {
	t.Parallel()
	for _, id := range []int64{1, 4} {
		run := replay.New(programOf(func(workflow.Context) error { return nil }))
		events := firstStep()
		events[1].ID = id
		wantFailure(t, run.Step(events), protocol.CauseWorkflowPanic, "hole or overlaps")
		run.Close()
	}
}

// The run in memory is ahead of history when its step was not recorded after all.
func TestStepThatWasNotRecorded(t *testing.T) {
	t.Parallel()
	run := replay.New(programOf(func(ctx workflow.Context) error { return workflow.Sleep(ctx, time.Hour) }))
	defer run.Close()
	run.Step(firstStep())
	a := run.Step([]protocol.Event{{ID: 4, Attributes: protocol.WorkflowTaskFailed{Cause: protocol.CauseBadCommand}}})
	wantFailure(t, a, protocol.CauseWorkflowPanic, "not recorded")
	if again := run.Step(nil); again.Failure != a.Failure {
		t.Error("a broken run went on")
	}
}

func TestStepCompletedThatWasNotTaken(t *testing.T) {
	t.Parallel()
	run := replay.New(programOf(func(workflow.Context) error { return nil }))
	defer run.Close()
	a := run.Step([]protocol.Event{{ID: 1, Attributes: protocol.WorkflowTaskCompleted{}}})
	wantFailure(t, a, protocol.CauseWorkflowPanic, "has not taken")
}

// A recorded payload may lie in the object store; its digest is that of the value which the code makes again.
func TestRecordedBlobEqualsTheSameValue(t *testing.T) {
	t.Parallel()
	w := world(t, func(ctx workflow.Context) error {
		_, err := workflow.NewActivity[string, string]("A").Do(ctx, "large")
		return err
	})
	w.Start(nil)
	w.Step()
	scheduled := w.History[4].Attributes.(protocol.ActivityTaskScheduled)
	digest := scheduled.Input.Digest()
	scheduled.Input = protocol.Payload{Blob: &protocol.Blob{Name: "x", Size: 7, SHA256: digest}}
	w.History[4].Attributes = scheduled
	if a := w.Replay(); a.Failure != nil {
		t.Fatal(a.Failure)
	}
	scheduled.Input = protocol.Payload{Blob: &protocol.Blob{Name: "x", Size: 7, SHA256: strings.Repeat("0", 64)}}
	w.History[4].Attributes = scheduled
	wantFailure(t, w.Replay(), protocol.CauseNonDeterministic, "blob x (7 bytes) #00000000")
}

func TestReportNamesTheLineOfTheWorkflow(t *testing.T) {
	t.Parallel()
	seconds := time.Second
	w := world(t, func(ctx workflow.Context) error { return workflow.Sleep(ctx, seconds) })
	w.Start(nil)
	w.Step()
	seconds = time.Minute
	a := w.Replay()
	wantFailure(t, a, protocol.CauseNonDeterministic, "timer 1 of 1m0s  at replay/run_test.go:")
}

// The place is looked for in a replay of its own. Code that does something else each time is shown as it was when it was found out.
func TestReportOfCodeThatDoesSomethingElseEachTime(t *testing.T) {
	t.Parallel()
	replays, next := 0, func() time.Duration { return time.Second }
	w := world(t, func(ctx workflow.Context) error { return workflow.Sleep(ctx, next()) })
	w.Start(nil)
	w.Step()
	for _, c := range []struct {
		then time.Duration // what the second replay does
		want string
	}{{time.Second, "timer 1 of 1m0s\n"}, {time.Hour, "timer 1 of 1h0m0s  at replay/run_test.go:"}} {
		replays, next = 0, func() time.Duration {
			if replays++; replays == 1 {
				return time.Minute
			}
			return c.then
		}
		wantFailure(t, w.Replay(), protocol.CauseNonDeterministic, c.want)
		if replays != 2 {
			t.Errorf("%d replays", replays)
		}
	}
}

func TestReplayOfARunThatEndedOutside(t *testing.T) {
	t.Parallel()
	w := world(t, func(ctx workflow.Context) error { return workflow.Sleep(ctx, time.Hour) })
	w.Start(nil)
	w.Step()
	w.Terminate()
	run := replay.New(w.Program)
	defer run.Close()
	if a := run.Step(w.History); a.Failure != nil || len(a.Commands) != 0 || !run.Closed() {
		t.Fatalf("%v, closed %v", a, run.Closed())
	}
	if run.LastEvent() != int64(len(w.History)) {
		t.Errorf("last event %d of %d", run.LastEvent(), len(w.History))
	}
}

// Many coroutines must cost what they are, not the square of it.
func TestTenThousandCoroutines(t *testing.T) {
	t.Parallel()
	const n = 10_000
	done := 0
	act := workflow.NewActivity[int, int]("A")
	w := world(t, func(ctx workflow.Context) error {
		group := workflow.NewGroup(ctx)
		for i := range n {
			group.Go(func(ctx workflow.Context) error {
				_, err := act.Do(ctx, i)
				done++
				return err
			})
		}
		return group.Wait()
	})
	w.Start(nil)
	if a := w.Step(); len(a.Commands) != n {
		t.Fatalf("%d commands, %v", len(a.Commands), a.Failure)
	}
	for len(w.Activities()) > 0 {
		last := w.Activities()[len(w.Activities())-1]
		w.Complete(last.ID, 1)
	}
	a := w.Step()
	if len(a.Commands) != 1 || done != n || !w.Closed() {
		t.Fatalf("%d done, answer %v", done, a.Failure)
	}
}
