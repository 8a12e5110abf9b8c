package orchestrator

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// handing is a table of hand-overs with everything around it in memory.
type handing struct {
	handovers

	sent     []string
	watched  []int64
	over     int
	sweeps   []func()
	watching func() // called before a watch is written
}

func newHanding() *handing {
	h := &handing{watching: func() {}}
	h.handovers = handovers{
		by: make(map[string][]*handed),
		send: func(_, worker string, given protocol.HandOver) error {
			for range given.Tasks {
				h.sent = append(h.sent, worker)
			}
			return nil
		},
		watch: func(_ string, tasks []protocol.ActivityTask) error {
			h.watching()
			for _, task := range tasks {
				h.watched = append(h.watched, task.ScheduledID)
			}
			return nil
		},
		after: func(_ time.Duration, f func()) { h.sweeps = append(h.sweeps, f) },
	}
	return h
}

func (h *handing) hands(events ...int64) {
	tasks := make([]protocol.ActivityTask, len(events))
	for i, e := range events {
		tasks[i] = protocol.ActivityTask{Workflow: "wf", Run: "run", ScheduledID: e, Attempt: 1, HandedTo: "ada"}
	}
	h.give(tasks, nil, func() { h.over++ })
}

// completes is a step in which an activity completes.
func completes(event int64) machine.Ready {
	return machine.Ready{Record: &protocol.Record{
		Run: "run", Events: []protocol.Event{{ID: 99, Attributes: protocol.ActivityTaskCompleted{ScheduledID: event}}},
	}}
}

// The next record finds the one before finished, but for what it ends itself.
func TestHandOversBeforeTheNextRecord(t *testing.T) {
	t.Parallel()
	h := newHanding()
	h.hands(5, 6, 7)
	if err := h.settle("wf", completes(6)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(h.watched, []int64{5, 7}) || h.over != 2 {
		t.Errorf("watched %v, and %d are over", h.watched, h.over)
	}
	h.end("wf", completes(6))
	if h.over != 3 || len(h.by) != 0 || len(h.sent) != 3 {
		t.Errorf("%d of %d are over, and %v is left", h.over, len(h.sent), h.by)
	}
}

// What ends in the very next step is never written down.
func TestHandOverThatIsQuick(t *testing.T) {
	t.Parallel()
	h := newHanding()
	h.hands(5)
	if err := h.settle("wf", completes(5)); err != nil {
		t.Fatal(err)
	}
	h.end("wf", completes(5))
	if len(h.watched) != 0 || h.over != 1 {
		t.Errorf("watched %v, and %d are over", h.watched, h.over)
	}
	h.hands(6)
	h.end("wf", machine.Ready{Record: &protocol.Record{Run: "run"}, Ended: true})
	if h.over != 2 {
		t.Error("the end of the run leaves an attempt behind")
	}
	h.hands(7)
	h.end("wf", machine.Ready{Retries: []machine.Retry{{Task: protocol.ActivityTask{ScheduledID: 7, Attempt: 2}}}})
	if h.over != 3 {
		t.Error("an attempt that is followed by another one is left behind")
	}
}

// An attempt that takes long is watched without a record, and a step that comes meanwhile waits until it is.
func TestHandOverThatTakesLong(t *testing.T) {
	t.Parallel()
	h := newHanding()
	h.hands(5)
	if len(h.sweeps) != 1 {
		t.Fatalf("%d sweeps are planned", len(h.sweeps))
	}
	h.sweeps[0]()
	if len(h.watched) != 0 || len(h.sweeps) != 2 {
		t.Errorf("watched %v at once, and %d sweeps were planned", h.watched, len(h.sweeps))
	}
	h.by["wf"][0].since = time.Now().Add(-2 * handedFor)
	writing, proceed := make(chan struct{}), make(chan struct{})
	h.watching = func() { close(writing); <-proceed }
	swept, settled := make(chan struct{}), make(chan error)
	go func() { defer close(swept); h.sweeps[1]() }()
	<-writing
	go func() { settled <- h.settle("wf", completes(6)) }()
	select {
	case err := <-settled:
		t.Errorf("the step did not wait for the watch: %v", err)
	default:
	}
	close(proceed)
	<-swept
	if err := <-settled; err != nil || !slices.Equal(h.watched, []int64{5}) || h.over != 1 {
		t.Errorf("%v, watched %v, and %d are over", err, h.watched, h.over)
	}
}

// While a step arms the retry of an attempt, no watch is written, which would lie in the same place.
func TestNoWatchTakesThePlaceOfARetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHanding()
		h.hands(5)
		fails := fails(5)
		release := h.claim("wf", fails)
		go h.settleAll()
		synctest.Wait()
		h.end("wf", fails)
		release()
		synctest.Wait()
		if len(h.watched) != 0 || h.over != 1 {
			t.Errorf("watched %v, and %d are over", h.watched, h.over)
		}
	})
}

// And a step that is to arm one waits for the watch that somebody writes.
func TestARetryWaitsForTheWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHanding()
		h.hands(5)
		written := make(chan struct{})
		h.watching = func() { <-written }
		go h.settleAll()
		synctest.Wait()
		claimed := false
		go func() {
			h.claim("wf", fails(5))()
			claimed = true
		}()
		synctest.Wait()
		if claimed {
			t.Error("the step did not wait")
		}
		close(written)
		synctest.Wait()
		if !claimed {
			t.Error("the step waits still")
		}
	})
}

// fails is a step in which an attempt failed that is to be tried again.
func fails(event int64) machine.Ready {
	return machine.Ready{Retries: []machine.Retry{{Task: protocol.ActivityTask{Run: "run", ScheduledID: event, Attempt: 2}}}}
}
