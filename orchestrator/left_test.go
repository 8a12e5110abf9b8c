package orchestrator

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Elsewhere runs its activity on a queue whose workers do not run workflows, so that nobody takes it from hand to hand.
func (c *crew) Elsewhere(ctx workflow.Context, in struct{}) (string, error) {
	return workflow.Do(ctx, c.B, in, workflow.Queue("elsewhere"))
}

// A task that its queue's consumer has left out is put there again, and its activity is run. Of one that has ended nothing comes.
func TestATaskThatWasLeftOutIsRun(t *testing.T) {
	t.Parallel()
	c, out := newCrew(), make(chan protocol.ActivityTask, 1)
	first := &mortal{dies: func(*protocol.Record) bool { return false }}
	var put atomic.Int32
	first.drops = func(task protocol.ActivityTask) bool {
		if put.Add(1) > 1 {
			return false
		}
		out <- task
		return true
	}
	r := newRelayOf(t, first, direct, worker.Workflow(c.Elsewhere))
	<-r.ready
	work(t, r.store.Conn(), "elsewhere", worker.Activity(c.B))
	run, err := client.Start(t.Context(), r.client, c.Elsewhere, struct{}{}, client.ID("wf"))
	must(t, err)
	task := <-out
	left := []protocol.LeftTask{{Seq: 1, Queue: "elsewhere", Activity: &task}}
	must(t, r.shard.restore(left))
	got, err := run.Wait(t.Context())
	must(t, err)
	must(t, r.shard.restore(left))
	again, err := client.Start(t.Context(), r.client, c.Elsewhere, struct{}{}, client.ID("wf")) // what came of it would have come by then
	must(t, err)
	_, err = again.Wait(t.Context())
	must(t, err)
	if got != "B" || put.Load() != 3 {
		t.Errorf("the run ended with %q, and %d tasks were put on queues, want two of the first run and one of the second", got, put.Load())
	}
}

// leaky finds some tasks at each look, and notes which are put on their queues again.
type leaky struct {
	Store

	looks [][]uint64
	put   []int64
}

func (l *leaky) LeftTasks(context.Context) (left []protocol.LeftTask, err error) {
	if len(l.looks) == 0 {
		return nil, nil
	}
	for _, seq := range l.looks[0] {
		left = append(left, protocol.LeftTask{Seq: seq, Call: &protocol.QueuedWorkflowTask{ScheduledID: int64(seq)}})
	}
	l.looks = l.looks[1:]
	return left, nil
}

func (l *leaky) DispatchWorkflow(_ string, task protocol.QueuedWorkflowTask) Ack {
	l.put = append(l.put, task.ScheduledID)
	return func(context.Context) error { return nil }
}

// What is found at one look may be on its way to a worker, or being removed. What is there at the next one is not.
func TestWhatIsFoundTwiceIsLeftOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &leaky{looks: [][]uint64{{1, 2}, {2, 3}, {3}, {}, {1}}}
		s := newShard(t.Context(), 0, protocol.DefaultNamespace, store, newRows(store, slog.New(slog.DiscardHandler)),
			slog.New(slog.DiscardHandler), uuid.NewString)
		s.findLeft(nil)
		<-time.After(10 * leftEvery)
		if want := []int64{2, 3}; !slices.Equal(store.put, want) {
			t.Errorf("put on their queues again: %v, want %v", store.put, want)
		}
		s.rows.stop()
		s.drop()
	})
}
