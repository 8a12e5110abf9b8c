package worker

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var bump = workflow.NewUpdate[string, string]("bump")

// bumped repeats what its updates carry, and refuses what is empty.
func bumped(ctx workflow.Context, _ string) (string, error) {
	workflow.HandleUpdate(ctx, bump, func(_ workflow.Context, s string) (string, error) { return s + s, nil },
		workflow.Validate(func(_ workflow.Context, s string) error {
			if s == "" {
				return errors.New("nothing to bump")
			}
			return nil
		}))
	return workflow.Receive(ctx, word)
}

// updating plays the world of a run whose first step is recorded.
func updating(t *testing.T) *replaytest.World {
	t.Helper()
	w := replaytest.New(workflow.Program(bumped, slog.New(slog.DiscardHandler)))
	t.Cleanup(w.Close)
	w.Start("")
	w.Step()
	return w
}

// offered is the task for the step that follows the events of a world, of which the last recorded step was begun by the event after
// after.
func offered(w *replaytest.World, after int64, base, nonce string) *protocol.WorkflowTask {
	last := int64(len(w.History))
	events := append(w.History[after:len(w.History):len(w.History)],
		protocol.Event{ID: last + 1, Time: w.Now, Attributes: protocol.WorkflowTaskScheduled{Queue: "q", Attempt: 1}},
		protocol.Event{ID: last + 2, Time: w.Now, Attributes: protocol.WorkflowTaskStarted{ScheduledID: last + 1}})
	return &protocol.WorkflowTask{
		Workflow: replaytest.Workflow, Run: replaytest.RunID, Type: replaytest.Type, Queue: "q", Attempt: 1, Nonce: nonce,
		Base: base, After: after, Events: events, Updates: w.Offered(), Timeout: protocol.Duration(10e9),
	}
}

// A step in which every update was refused is not recorded. The worker keeps the run as it was, and takes the next step from the same
// place as this one, without asking for the history.
func TestRunIsKeptWhenItsUpdatesAreRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, flow(bumped))
		w := updating(t)
		first := &protocol.WorkflowTask{
			Workflow: replaytest.Workflow, Run: replaytest.RunID, Type: replaytest.Type, Queue: "q", Attempt: 1, Nonce: "n1",
			Events: w.History[:3], Timeout: protocol.Duration(10e9),
		}
		if a, _ := s.ask(first); a.Failure != nil || a.Refusal != "" {
			t.Fatalf("the first step gives %+v", a)
		}
		w.Update("u1", "bump", "")
		for _, nonce := range []string{"n2", "n3"} {
			a, _ := s.ask(offered(w, 3, "n1", nonce))
			if a.Refusal != "" || len(a.Rejections) != 1 || len(a.Commands) > 0 {
				t.Fatalf("a step with a wrong update gives %+v", a)
			}
		}
		// The same for a worker that had to replay.
		replayed := offered(w, 0, "", "n3")
		replayed.Last, replayed.Run = "n1", "another"
		if a, _ := s.ask(replayed); len(a.Rejections) != 1 {
			t.Fatalf("a replayed step with a wrong update gives %+v", a)
		}
		again := offered(w, 3, "n1", "n4")
		again.Run = "another"
		if a, _ := s.ask(again); len(a.Rejections) != 1 {
			t.Fatalf("after a replay, a step with a wrong update gives %+v", a)
		}
		w.Step()
		w.Update("u2", "bump", "ha")
		a, _ := s.ask(offered(w, 3, "n1", "n4"))
		if a.Refusal != "" || len(a.Commands) != 2 {
			t.Fatalf("a step with a good update gives %+v", a)
		}
		// Now the run is where a recorded step left it, and nothing else.
		s.misses(offered(w, 3, "n1", "n5"))
	})
}

// What an update carries and comes to travels through the object store when it is large.
func TestLargeUpdateTravelsThroughTheObjectStore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, BlobThreshold(threshold), flow(bumped))
		w := updating(t)
		w.Update("u1", "bump", "replaced below")
		task := offered(w, 0, "", "n1")
		task.Updates[0].Input = s.stored(t, large)
		a, _ := s.ask(task)
		if a.Failure != nil || len(a.Commands) != 2 {
			t.Fatalf("the step gives %+v", a)
		}
		done, ok := a.Commands[1].Attributes.(protocol.CompleteUpdate)
		if !ok {
			t.Fatalf("the update ends with %s", a.Commands[1].Type())
		}
		s.lies(t, done.Result, large+large)
	})
}
