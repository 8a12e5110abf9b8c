package engine

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// oven bakes until its door opens, and counts what it began.
type oven struct {
	name  string
	busy  chan int // the attempt that began
	door  chan struct{}
	begun atomic.Int32
}

func newOven(name string) *oven {
	return &oven{name: name, busy: make(chan int, 9), door: make(chan struct{})}
}

func (o *oven) Bake(ctx context.Context, _ int) (string, error) {
	o.begun.Add(1)
	o.busy <- activity.Info(ctx).Attempt
	select {
	case <-o.door:
		return o.name, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

var knock = workflow.NewSignal[int]("knock")

// Bakery bakes, and counts who knocks meanwhile.
func (o *oven) Bakery(ctx workflow.Context, knocks int) (string, error) {
	bread := workflow.Start(ctx, o.Bake, 0, workflow.Retry(workflow.RetryPolicy{MaximumAttempts: 2}))
	for range knocks {
		if _, err := workflow.Receive(ctx, knock); err != nil {
			return "", err
		}
	}
	return bread.Get(ctx)
}

// A worker that dies with an activity that it took without the queue loses an attempt, as with any other.
func TestHandedActivityOfADeadWorker(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, sharded)
	nc, err := nats.Connect(e.URL())
	check(t, err)
	doomed := newOven("doomed")
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	w := worker.New(nc, rig.Queue, worker.Workflow(doomed.Bakery), worker.Activity(doomed.Bake), worker.Logger(rig.Logger(t)),
		worker.Grace(time.Millisecond), worker.OnReady(func() { close(ready) }))
	go func() { ended <- w.Run(ctx) }()
	<-ready
	run := rig.Run(t, e, doomed.Bakery, 0)
	if attempt := <-doomed.busy; attempt != 1 {
		t.Errorf("the first attempt is number %d", attempt)
	}
	if n := e.Tasks(t); n != 1 {
		t.Errorf("%d messages are in the task stream, want only the one that is always there", n)
	}
	nc.Close() // and says nothing
	heir := newOven("heir")
	close(heir.door)
	e.Work(t, worker.Workflow(heir.Bakery), worker.Activity(heir.Bake))
	if got := rig.Result(t, run); got != "heir" {
		t.Errorf("got %q", got)
	}
	if attempt := <-heir.busy; attempt != 2 {
		t.Errorf("the heir made attempt %d", attempt)
	}
	started := rig.Find[protocol.ActivityTaskStarted](e.History(t, run.ID()))
	if len(started) != 1 || started[0].LastFailure == nil || !strings.Contains(started[0].LastFailure.Message, "did not report back") {
		t.Errorf("history says %+v", started)
	}
	cancel()
	check(t, <-ended)
}

// Whatever happens to a run while a worker has its activity, the activity is not begun again: not when its shard is handed to another
// node, nor when that one dies.
func TestHandedActivityRunsOnce(t *testing.T) {
	t.Parallel()
	const runs = 8
	e := rig.Start(t, sharded)
	o := newOven("oven")
	e.Work(t, worker.Workflow(o.Bakery), worker.Activity(o.Bake))
	all := make([]*client.Run[string], runs)
	for i := range all {
		all[i] = rig.Run(t, e, o.Bakery, 3, client.ID(fmt.Sprintf("oven-%d", i)))
		<-o.busy
	}
	knockAll := func() {
		t.Helper()
		for i, run := range all {
			check(t, client.Signal(t.Context(), e.Client(), run.ID(), knock, i))
		}
	}
	_, cut := join(t, e, "second") // while nobody but its first node knows of the attempts
	knockAll()                     // a record that leaves the activity running: only the last one can be unfinished
	if p := pending(t, e, all[0].ID()); p.Attempt != 1 || !p.NextAttempt.IsZero() {
		t.Errorf("an activity that runs is described as %+v", p)
	}
	rig.Until(t, "two shards each", func() bool { return owners(t, e)["second"] == 2 })
	knockAll()
	cut.Close()
	knockAll()
	close(o.door)
	for _, run := range all {
		if got := rig.Result(t, run); got != "oven" {
			t.Errorf("got %q", got)
		}
	}
	if n := o.begun.Load(); n != runs {
		t.Errorf("%d activities began %d times", runs, n)
	}
}

// Every slot can be used by the queue, and none more, whatever is set aside for a worker's own steps.
func TestSlotsWithHandedActivities(t *testing.T) {
	t.Parallel()
	const slots, runs = 4, 12
	e := rig.Start(t)
	o := newOven("oven")
	o.busy = make(chan int, runs)
	e.Work(t, worker.Workflow(o.Bakery), worker.Activity(o.Bake), worker.Slots(slots))
	all := make([]*client.Run[string], runs)
	for i := range all {
		all[i] = rig.Run(t, e, o.Bakery, 0)
	}
	for range slots {
		<-o.busy
	}
	if n := o.begun.Load(); n != slots {
		t.Errorf("%d activities run in %d slots", n, slots)
	}
	close(o.door)
	for _, run := range all {
		rig.Result(t, run)
	}
	if n := o.begun.Load(); n != runs {
		t.Errorf("%d activities ran for %d runs", n, runs)
	}
}
