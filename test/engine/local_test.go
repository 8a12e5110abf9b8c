package engine

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// clerk counts how often it is asked, and may be held up.
type clerk struct {
	asked atomic.Int32
	busy  chan struct{}
	gate  chan struct{}
}

func (c *clerk) Look(_ context.Context, size int) (string, error) {
	c.asked.Add(1)
	if c.gate != nil {
		c.busy <- struct{}{}
		<-c.gate
	}
	return strings.Repeat("x", size), nil
}

// Ask looks something up in the workflow's own worker, waits for a word, and tells the size of what it found.
func (c *clerk) Ask(ctx workflow.Context, size int) (int, error) {
	found, err := workflow.DoLocal(ctx, c.Look, size)
	if err != nil {
		return 0, err
	}
	if _, err := workflow.Receive(ctx, word); err != nil {
		return 0, err
	}
	return len(found), nil
}

// What a local activity came to is recorded with its step: another worker replays it and asks nobody, however large it is.
func TestLocalActivityIsNotRunAgain(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	c := &clerk{}
	stop := e.Work(t, worker.Workflow(c.Ask), worker.Activity(c.Look))
	const size = 1 << 20
	run := rig.Run(t, e, c.Ask, size)
	e.Await(t, run.ID(), "MarkerRecorded")
	stop()
	e.Work(t, worker.Workflow(c.Ask), worker.Activity(c.Look))
	signals(t, e, run.ID(), "go")
	if got := rig.Result(t, run); got != size || c.asked.Load() != 1 {
		t.Errorf("got %d bytes, asked %d times", got, c.asked.Load())
	}
}

// A worker that is cut off in the middle of a step has recorded nothing of it: the next one runs the activity again.
func TestLocalActivityOfAWorkerThatStops(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	first := &clerk{busy: make(chan struct{}, 1), gate: make(chan struct{})}
	stop := e.Work(t, worker.Workflow(first.Ask), worker.Activity(first.Look), worker.Grace(1))
	started := make(chan error, 1)
	go func() { // a start is answered when its first step is recorded
		_, err := client.Start(t.Context(), e.Client(), first.Ask, 7, client.Queue(rig.Queue), client.ID("cut off"))
		started <- err
	}()
	<-first.busy
	stop()
	close(first.gate)
	second := &clerk{}
	e.Work(t, worker.Workflow(second.Ask), worker.Activity(second.Look))
	check(t, <-started)
	signals(t, e, "cut off", "go")
	if got := rig.Result(t, client.Get[int](e.Client(), "cut off", "")); got != 7 || second.asked.Load() != 1 {
		t.Errorf("got %d bytes, asked %d times", got, second.asked.Load())
	}
}
