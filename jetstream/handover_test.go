package jetstream_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// Slots are set aside while the queue is empty, and only then.
func TestSlotsAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const slots, aside = 6, 3
		w := start(t)
		ch := make(chan *jetstream.Task, 100)
		p, err := w.PullTasks(t.Context(), protocol.TaskActivity, queue, jetstream.PullOptions{Slots: slots, Aside: aside},
			func(task *jetstream.Task) { ch <- task })
		must(t, err)
		defer func() {
			w.Conn().Close()
			stop(p)
		}()
		take := func(want int) {
			t.Helper()
			got := 0
			for p.Take() {
				got++
			}
			if got != want {
				t.Errorf("%d slots were set aside, want %d", got, want)
			}
			for range got {
				p.Give()
			}
		}
		take(aside)
		if !p.Take() {
			t.Fatal("there is no slot")
		}
		for i := range 2 * slots {
			dispatch(t, w.Store, fmt.Sprint("run-", i))
		}
		var held []*jetstream.Task
		for range slots - 1 { // all but the one that was taken
			held = append(held, next(t, ch, "a task"))
		}
		synctest.Wait()
		none(t, ch, "a task beyond the slots")
		take(0)
		p.Give()
		for len(held) > 0 {
			must(t, held[0].Ack())
			held = held[1:]
			synctest.Wait()
			for len(ch) > 0 {
				held = append(held, <-ch)
			}
		}
		take(aside)
	})
}

// A worker is asked for what it was handed. One that is gone, or that says nothing, has nothing.
func TestStillHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		task := activity("run")
		task.HandedTo = "ada"
		has := func(want bool) {
			t.Helper()
			got, err := w.StillHas(t.Context(), task)
			must(t, err)
			if got != want {
				t.Errorf("ada has it: %v, want %v", got, want)
			}
		}
		has(false)
		given, silent := make(chan []protocol.ActivityTask, 1), make(chan struct{})
		stop, err := w.OnHandOver(queue, "ada", func(h protocol.HandOver) { given <- h.Tasks },
			func(run string, attempts []protocol.ActivityAttempt) []protocol.ActivityAttempt {
				if run != "run" || len(attempts) != 1 || attempts[0].Number != 1 {
					t.Errorf("ada is asked for %v of %s", attempts, run)
				}
				if len(given) == 0 {
					<-silent
				}
				return attempts
			})
		must(t, err)
		must(t, w.HandOver(queue, "ada", protocol.HandOver{Tasks: []protocol.ActivityTask{task}}))
		has(true)
		if tasks := next(t, given, "the attempt"); len(tasks) != 1 || tasks[0].Run != "run" {
			t.Errorf("ada was given %+v", tasks)
		}
		began := time.Now()
		has(false)
		if took := time.Since(began); took == 0 || took > 3*time.Second {
			t.Errorf("it took %s", took)
		}
		close(silent)
		stop()
		has(false)
	})
}
