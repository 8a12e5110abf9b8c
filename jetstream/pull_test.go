package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

const queue = "queue"

func dispatch(t *testing.T, s *jetstream.Store, run string) {
	t.Helper()
	must(t, s.DispatchActivity(activity(run))(t.Context()))
}

// repeat dispatches what was dispatched before.
func repeat(t *testing.T, s *jetstream.Store, run string) {
	t.Helper()
	if err := s.DispatchActivity(activity(run))(t.Context()); !errors.Is(err, protocol.ErrRepeated) {
		t.Fatalf("got %v, want a repetition", err)
	}
}

func activity(run string) protocol.ActivityTask {
	return protocol.ActivityTask{Workflow: "wf", Run: run, ScheduledID: 5, Queue: queue, Attempt: 1}
}

// pull takes tasks until the test ends, over a connection that then ends as well.
func pull(t *testing.T, s *jetstream.Store, slots int) <-chan *jetstream.Task {
	t.Helper()
	p, ch := puller(t, s, slots)
	t.Cleanup(func() {
		s.Conn().Close() // first: it ends the puller at once, also in a bubble
		stop(p)
	})
	return ch
}

// puller takes activity tasks until it is stopped. The channel holds more than any test dispatches.
func puller(t *testing.T, s *jetstream.Store, slots int) (*jetstream.Puller, <-chan *jetstream.Task) {
	t.Helper()
	ch := make(chan *jetstream.Task, 100)
	p, err := s.PullTasks(t.Context(), protocol.TaskActivity, queue, jetstream.PullOptions{Slots: slots}, func(task *jetstream.Task) { ch <- task })
	must(t, err)
	return p, ch
}

// stop does not wait for tasks in work.
func stop(p *jetstream.Puller) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p.Stop(ctx)
}

func TestPullerHandsOutAtMostItsSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const slots, tasks = 3, 20
		w := start(t)
		for i := range tasks {
			dispatch(t, w.Store, fmt.Sprint("run-", i))
		}
		ch := pull(t, w.Store, slots)
		var held []*jetstream.Task
		for range tasks {
			held = append(held, next(t, ch, "a task"))
			if len(held) < slots {
				continue
			}
			synctest.Wait() // until nobody has anything left to do
			none(t, ch, "a task beyond the slots")
			if got := w.consumer(t).NumAckPending; got != slots {
				t.Errorf("the broker waits for %d tasks, want %d", got, slots)
			}
			must(t, held[0].Ack())
			held = held[1:]
		}
		for _, task := range held {
			must(t, task.Ack())
		}
	})
}

// consumer is the broker's view of the queue.
func (w *world) consumer(t *testing.T) *natsjs.ConsumerInfo {
	t.Helper()
	c, err := w.js.Consumer(t.Context(), ns.TasksStream(), ns.TaskConsumer(protocol.TaskActivity, queue))
	must(t, err)
	return c.CachedInfo()
}

func TestCrashedPullersTaskIsDeliveredAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		dispatch(t, w.Store, "run")
		nc := connect(t, w.srv)
		crashing, err := jetstream.Open(t.Context(), nc, ns)
		must(t, err)
		ch := pull(t, crashing, 1)
		lost := next(t, ch, "the task")
		if got := lost.Delivered(); got != 1 {
			t.Errorf("delivered %d times, want 1", got)
		}
		nc.Close()

		begin := time.Now()
		ch = pull(t, w.Store, 1)
		again := next(t, ch, "the task of the crashed puller")
		if got := again.Delivered(); got != 2 {
			t.Errorf("delivered %d times, want 2", got)
		}
		if got := time.Since(begin); got < jetstream.AckWait-time.Second || got > jetstream.AckWait+time.Second {
			t.Errorf("delivered again after %s, want %s", got, jetstream.AckWait)
		}
		if err := lost.Ack(); err == nil {
			t.Error("a task was acknowledged over a closed connection")
		}
		must(t, again.Ack())
	})
}

func TestProgressKeepsATask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		dispatch(t, w.Store, "run")
		mine := pull(t, w.Store, 1)
		others := pull(t, w.other(t), 1)
		task := next(t, mine, "the task")
		tick := time.NewTicker(jetstream.AckWait / 3)
		defer tick.Stop()
		for range 60 { // for much longer than AckWait
			<-tick.C
			must(t, task.InProgress())
		}
		none(t, others, "a task that is being worked on")
		must(t, task.Ack())
	})
}

// The request for tasks stands for two minutes, and is then made again.
func TestIdlePullerStaysReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		ch := pull(t, w.Store, 2)
		for i := range 3 {
			<-time.After(10 * time.Minute)
			for _, name := range []string{"a", "b"} {
				dispatch(t, w.Store, fmt.Sprint(name, i))
			}
			first, second := next(t, ch, "a task"), next(t, ch, "a task")
			must(t, first.Ack())
			must(t, second.Ack())
		}
	})
}

func TestNakGivesTheTaskBack(t *testing.T) {
	t.Parallel()
	w := start(t)
	dispatch(t, w.Store, "run")
	ch := pull(t, w.Store, 1)
	for delivery := 1; delivery <= 3; delivery++ {
		task := next(t, ch, "the task")
		if got := task.Delivered(); got != delivery {
			t.Errorf("delivered %d times, want %d", got, delivery)
		}
		if delivery < 3 {
			must(t, task.Nak())
		} else {
			must(t, task.Ack())
		}
	}
}

func TestAckRemovesTheTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		idle := w.held(t, ns.TasksStream())
		dispatch(t, w.Store, "run")
		task := next(t, pull(t, w.Store, 1), "the task")
		if got := w.held(t, ns.TasksStream()); got != idle+1 {
			t.Errorf("%d tasks while it runs, want 1", got-idle)
		}
		must(t, task.Ack())
		synctest.Wait()
		if got := w.held(t, ns.TasksStream()); got != idle {
			t.Errorf("%d tasks are left, want none", got-idle)
		}
	})
}

// What a puller that stops is given, it can only give back, and the broker counts that as a delivery: the task would lose one of
// its attempts to a worker that never ran it.
// A task that is acknowledged early is gone, and takes its slot until it is left.
func TestAckEarlyKeepsTheSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		dispatch(t, w.Store, "first")
		dispatch(t, w.Store, "second")
		ch := pull(t, w.Store, 1)
		first := next(t, ch, "the first task")
		must(t, first.AckEarly())
		synctest.Wait()
		none(t, ch, "a task beyond the slots")
		if got := w.consumer(t); got.NumAckPending != 0 || got.NumPending != 1 {
			t.Errorf("the broker waits for %d tasks and has %d", got.NumAckPending, got.NumPending)
		}
		first.Leave()
		must(t, next(t, ch, "the second task").Ack())
	})
}

// While much is asked for, slots that become free are asked for together.
func TestPullerAsksForManyAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const slots, tasks = 32, 60
		w := start(t)
		asked := 0
		sub, err := connect(t, w.srv).Subscribe("$JS.API.CONSUMER.MSG.NEXT.>", func(*nats.Msg) { asked++ })
		must(t, err)
		must(t, sub.SetPendingLimits(-1, -1))
		ch := pull(t, w.Store, slots)
		for i := range tasks {
			dispatch(t, w.Store, fmt.Sprint("run-", i))
			must(t, next(t, ch, "a task").Ack())
		}
		synctest.Wait()
		if asked > tasks/5 {
			t.Errorf("%d tasks were asked for with %d requests", tasks, asked)
		}
	})
}

func TestStopWaitsForTasksInWorkAndIsGivenNoMore(t *testing.T) {
	t.Parallel()
	w := start(t)
	dispatch(t, w.Store, "running")
	p, ch := puller(t, w.Store, 5)
	running := next(t, ch, "the task")
	stopped := make(chan struct{})
	go func() {
		p.Stop(t.Context())
		close(stopped)
	}()
	for began := time.Now(); w.consumer(t).NumWaiting > 0; {
		if time.Since(began) > patience {
			must(t, running.Ack())
			t.Fatal("the broker still holds the stopped puller's request for tasks")
		}
	}
	dispatch(t, w.Store, "late")
	others := pull(t, w.other(t), 1)
	late := next(t, others, "the late task, at another puller")
	if got := late.Delivered(); got != 1 {
		t.Errorf("the late task was delivered %d times, want 1", got)
	}
	none(t, stopped, "the end of Stop, before the end of the task in work,")
	must(t, running.Ack())
	next(t, stopped, "the end of Stop")
	none(t, ch, "a task after Stop")
	must(t, late.Ack())
}

func TestStopGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	w := start(t)
	dispatch(t, w.Store, "stuck")
	p, ch := puller(t, w.Store, 1)
	stuck := next(t, ch, "the task")
	stop(p)
	must(t, stuck.Ack())
}

// taskTo acknowledges tasks and passes on their bodies.
func taskTo(t *testing.T, ch chan<- string) func(*jetstream.Task) {
	t.Helper()
	return func(task *jetstream.Task) {
		if err := task.Ack(); err != nil {
			t.Error(err)
		}
		ch <- string(task.Body())
	}
}
