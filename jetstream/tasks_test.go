package jetstream_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// The new owner of a shard repeats the effects of the last record: it dispatches what its predecessor dispatched.
func TestRepeatedDispatchIsOneTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		ch := pull(t, w.Store, 10)
		dispatch(t, w.Store, "run")
		task := next(t, ch, "the task")
		if err := w.other(t).DispatchActivity(activity("run"))(t.Context()); !errors.Is(err, protocol.ErrTaken) {
			t.Fatalf("got %v, want to hear that a worker has it", err)
		}
		must(t, task.Ack())
		synctest.Wait()
		repeat(t, w.Store, "run") // it has just been done
		<-time.After(20 * time.Second)
		repeat(t, w.Store, "run") // and a failover takes its time
		synctest.Wait()
		none(t, ch, "a task that was done")
		dispatch(t, w.Store, "another run")
		must(t, next(t, ch, "another task").Ack())
	})
}

func TestTaskArrivesWhole(t *testing.T) {
	t.Parallel()
	w := start(t)
	want := activity("run")
	want.Queue, want.Input = "eine Schlange. *", protocol.Payload{Data: []byte(`{"a":1}`)}
	ch := make(chan string, 1)
	p, err := w.PullTasks(t.Context(), protocol.TaskActivity, want.Queue, jetstream.PullOptions{Slots: 1}, taskTo(t, ch))
	must(t, err)
	must(t, w.DispatchActivity(want)(t.Context()))
	must(t, w.DispatchActivity(activity("of another queue"))(t.Context()))
	must(t, w.DispatchWorkflow(want.Queue, protocol.QueuedWorkflowTask{Run: "of another kind"})(t.Context()))
	var got protocol.ActivityTask
	must(t, json.Unmarshal([]byte(next(t, ch, "the task")), &got))
	if got.Run != want.Run || got.Queue != want.Queue || string(got.Input.Data) != `{"a":1}` {
		t.Errorf("got %+v, want %+v", got, want)
	}
	p.Stop(t.Context())
	none(t, ch, "a task of another queue or kind")
}

// Nor is it an error that a task waits on its queue already.
func TestRepeatedDispatchOfAWaitingTask(t *testing.T) {
	t.Parallel()
	w := start(t)
	for range 2 {
		must(t, w.DispatchActivity(activity("run"))(t.Context()))
	}
	must(t, next(t, pull(t, w.Store, 10), "the task").Ack())
}

// Whoever reads the tasks of a run hears which of them workers were given.
func TestQueuedActivitiesOfARun(t *testing.T) {
	t.Parallel()
	w := start(t)
	dispatch(t, w.Store, "run")
	dispatch(t, w.Store, "another run")
	want := func(taken bool) {
		t.Helper()
		all, err := w.QueuedActivities(t.Context(), "run")
		if err != nil || len(all) != 1 || all[0].Task.Run != "run" || all[0].Taken != taken {
			t.Fatalf("got %+v, %v, want the task of the run, taken: %v", all, err, taken)
		}
	}
	want(false)
	ch := pull(t, w.Store, 1)
	next(t, ch, "the task")
	want(true)
	must(t, w.MendQueues(t.Context())) // it is not done
	want(true)
}

// A call for a worker that one was given may have got lost with that worker: another one is made in its place.
func TestCallThatWasTakenIsReplaced(t *testing.T) {
	t.Parallel()
	w := start(t)
	ch := make(chan *jetstream.Task, 10)
	p, err := w.PullTasks(t.Context(), protocol.TaskWorkflow, queue, jetstream.PullOptions{Slots: 2}, func(task *jetstream.Task) {
		ch <- task
	})
	must(t, err)
	var held []*jetstream.Task
	for range 2 {
		must(t, w.DispatchWorkflow(queue, protocol.QueuedWorkflowTask{Workflow: "wf", Run: "run", ScheduledID: 1})(t.Context()))
		held = append(held, next(t, ch, "the call"))
	}
	for _, task := range held {
		must(t, task.Ack())
	}
	p.Stop(t.Context())
}

// A workflow may need a second worker soon after it got the first.
func TestWorkerCanBeCalledAgain(t *testing.T) {
	t.Parallel()
	w := start(t)
	ch := make(chan string, 10)
	p, err := w.PullTasks(t.Context(), protocol.TaskWorkflow, queue, jetstream.PullOptions{Slots: 1}, taskTo(t, ch))
	must(t, err)
	for i := range 3 {
		call := protocol.QueuedWorkflowTask{Workflow: "wf", Run: "run", ScheduledID: int64(i)}
		must(t, w.DispatchWorkflow(queue, call)(t.Context()))
		next(t, ch, "the call")
	}
	p.Stop(t.Context())
}

func TestRemovedActivityIsNotHandedOut(t *testing.T) {
	t.Parallel()
	w := start(t)
	dispatch(t, w.Store, "removed")
	dispatch(t, w.Store, "stays")
	for range 2 { // whether it is there or not
		must(t, w.RemoveActivity(t.Context(), protocol.ActivityTask{Queue: queue, Run: "removed", ScheduledID: 5, Attempt: 1}))
	}
	task := next(t, pull(t, w.Store, 2), "the task")
	if want := ns.ActivityTask(queue, "stays", 5, 1); task.Subject() != want {
		t.Errorf("got %s, want %s", task.Subject(), want)
	}
	must(t, task.Ack())
}

func TestCancelReachesEveryWorkerOfTheQueue(t *testing.T) {
	t.Parallel()
	w := start(t)
	heard := make(chan protocol.CancelActivity, 10)
	for _, q := range []string{queue, queue, "another"} {
		stop, err := w.other(t).OnCancel(q, func(c protocol.CancelActivity) []protocol.ActivityAttempt {
			heard <- c
			return nil
		})
		must(t, err)
		t.Cleanup(stop)
	}
	want := protocol.CancelActivity{Run: "run", ScheduledID: 5}
	must(t, w.CancelActivity(queue, want))
	for range 2 {
		if got := next(t, heard, "the cancellation"); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// Whoever recalls attempts hears which of them the workers run.
func TestRecall(t *testing.T) {
	t.Parallel()
	w := start(t)
	attempts := []protocol.ActivityAttempt{{ScheduledID: 5, Number: 3}, {ScheduledID: 6, Number: 1}, {ScheduledID: 7, Number: 1}}
	recalls := func(want ...protocol.ActivityAttempt) {
		t.Helper()
		held, err := w.RecallActivities(t.Context(), queue, "run", attempts, protocol.StopPaused)
		must(t, err)
		slices.SortFunc(held, func(a, b protocol.ActivityAttempt) int { return int(a.ScheduledID - b.ScheduledID) })
		if !slices.Equal(held, want) {
			t.Errorf("held are %v, want %v", held, want)
		}
	}
	serve := func(held ...protocol.ActivityAttempt) {
		stop, err := w.other(t).OnCancel(queue, func(c protocol.CancelActivity) []protocol.ActivityAttempt {
			if c.Run != "run" || c.Why != protocol.StopRecall || c.Stop != protocol.StopPaused || !slices.Equal(c.Attempts, attempts) {
				t.Errorf("the worker is asked %+v", c)
			}
			return held
		})
		must(t, err)
		t.Cleanup(stop)
	}
	recalls() // there is no worker
	serve()
	recalls()
	serve(attempts[2])
	recalls(attempts[2])
	serve(attempts[:2]...)
	recalls(attempts...)
}

// What lies on a queue can be read, by activity and whatever its number, until it is removed, one by one or all of a run.
func TestQueuedActivity(t *testing.T) {
	t.Parallel()
	w := start(t)
	find := func(scheduled int64) *protocol.ActivityTask {
		task, err := w.QueuedActivity(t.Context(), queue, "run", scheduled)
		must(t, err)
		return task
	}
	if got := find(5); got != nil {
		t.Errorf("an empty queue holds %+v", got)
	}
	for _, scheduled := range []int64{5, 6, 55} {
		must(t, w.DispatchActivity(protocol.ActivityTask{Queue: queue, Run: "run", ScheduledID: scheduled, Attempt: 2, Forgiven: 7})(t.Context()))
	}
	got := find(5)
	if got == nil || got.ScheduledID != 5 || got.Number() != 9 {
		t.Fatalf("got %+v", got)
	}
	must(t, w.RemoveActivity(t.Context(), *got))
	if find(5) != nil || find(6) == nil || find(55) == nil {
		t.Error("one is removed and another gone, or it is still there")
	}
	must(t, w.RemoveActivities(t.Context(), queue, "run"))
	if find(6) != nil || find(55) != nil {
		t.Error("the run's activities are still there")
	}
}

func TestFirstResultOfAnAttemptWins(t *testing.T) {
	t.Parallel()
	w := start(t)
	ch, _ := inputs(t, w.Store)
	for _, r := range []protocol.ActivityResult{
		{Run: "run", ScheduledID: 5, Attempt: 1, Worker: "first"},
		{Run: "run", ScheduledID: 5, Attempt: 1, Worker: "second"},
		{Run: "run", ScheduledID: 5, Attempt: 2, Worker: "third"},
	} {
		must(t, w.PublishResult(t.Context(), "wf", r))
	}
	for _, want := range []string{"first", "third"} {
		var got protocol.ActivityResult
		must(t, json.Unmarshal(next(t, ch, "a result").Data, &got))
		if got.Worker != want {
			t.Errorf("got the result of the %s worker, want that of the %s", got.Worker, want)
		}
	}
}
