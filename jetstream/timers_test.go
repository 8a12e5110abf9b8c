package jetstream_test

import (
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// fired delivers the wake-ups that fire.
func fired(t *testing.T, s *jetstream.Store) <-chan protocol.Delivery {
	t.Helper()
	ch := make(chan protocol.Delivery, 100)
	stop, err := s.Fired(t.Context(), 0, 0, func(d protocol.Delivery) { ch <- d })
	must(t, err)
	t.Cleanup(stop)
	return ch
}

func arm(t *testing.T, s *jetstream.Store, workflow string, at time.Time) (seq uint64) {
	t.Helper()
	return armAfter(t, s, workflow, at, 0)
}

// armAfter arms a wake-up in the place of one that is known, and wants it to wait from then on.
func armAfter(t *testing.T, s *jetstream.Store, workflow string, at time.Time, known uint64) (seq uint64) {
	t.Helper()
	seq, waits, err := s.ArmWakeup(t.Context(), 0, workflow, at, at, known)
	must(t, err)
	if !waits.Equal(at) || seq <= known {
		t.Errorf("what waits is due at %s, and lies at %d after %d; want %s", waits, seq, known, at)
	}
	return seq
}

// wantFired waits, for an hour of virtual time, for the next wake-up, and says what is wrong with it.
func wantFired(t *testing.T, ch <-chan protocol.Delivery, workflow string, at time.Time) protocol.Delivery {
	t.Helper()
	var d protocol.Delivery
	select {
	case d = <-ch:
	case <-time.After(time.Hour):
		t.Fatalf("the wake-up of %q never fired", workflow)
	}
	got, err := ns.ParseFired(d.Subject)
	must(t, err)
	if late := time.Since(at); got != workflow || late < 0 || late > time.Second {
		t.Errorf("the wake-up of %q fired %s after it was due, want that of %q within 1s", got, late, workflow)
	}
	return d
}

func TestWakeupFiresWhenItIsDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		begin := time.Now()
		arm(t, w.Store, "in a minute", begin.Add(time.Minute))
		arm(t, w.Store, "in zwei Minuten, später", begin.Add(2*time.Minute))
		arm(t, w.Store, "soon", begin.Add(time.Second))
		ch := fired(t, w.Store)
		wantFired(t, ch, "soon", begin.Add(time.Second))
		wantFired(t, ch, "in a minute", begin.Add(time.Minute))
		wantFired(t, ch, "in zwei Minuten, später", begin.Add(2*time.Minute))
	})
}

func TestArmingAgainReplacesTheWakeup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		begin := time.Now()
		ch := fired(t, w.Store)
		for workflow, again := range map[string]time.Duration{"earlier": 10 * time.Minute, "later": 30 * time.Minute} {
			seq := arm(t, w.Store, workflow, begin.Add(20*time.Minute))
			armAfter(t, w.other(t), workflow, begin.Add(again), seq)
		}
		wantFired(t, ch, "earlier", begin.Add(10*time.Minute))
		wantFired(t, ch, "later", begin.Add(30*time.Minute))
		<-time.After(10 * time.Minute)
		none(t, ch, "a second wake-up")
	})
}

func TestDisarmedWakeupStaysSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		begin := time.Now()
		ch := fired(t, w.Store)
		arm(t, w.Store, "gone", begin.Add(time.Minute))
		arm(t, w.Store, "stays", begin.Add(2*time.Minute))
		gone, err := w.Wakeup(t.Context(), 0, "gone")
		must(t, err)
		must(t, w.DisarmWakeup(t.Context(), 0, "gone", gone))
		must(t, w.DisarmWakeup(t.Context(), 0, "never armed", gone))
		wantFired(t, ch, "stays", begin.Add(2*time.Minute))
	})
}

// A node that was replaced and does not know it must not put off, or remove, the wake-up of its successor.
func TestAWakeupOfSomebodyElseStaysIfItIsMoreUrgent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		successor, begin := w.other(t), time.Now()
		ch := fired(t, w.Store)
		old := arm(t, w.Store, "wf", begin.Add(20*time.Minute))
		now := armAfter(t, successor, "wf", begin.Add(10*time.Minute), old)
		for _, known := range []uint64{0, old} {
			seq, waits, err := w.ArmWakeup(t.Context(), 0, "wf", begin.Add(time.Hour), begin.Add(time.Hour), known)
			must(t, err)
			if seq != now || !waits.Equal(begin.Add(10*time.Minute)) {
				t.Errorf("knowing of %d, the wake-up at %d waits until %s; want that of the successor at %d", known, seq, waits, now)
			}
		}
		must(t, w.DisarmWakeup(t.Context(), 0, "wf", old))
		wantFired(t, ch, "wf", begin.Add(10*time.Minute))

		armAfter(t, w.Store, "wf", begin.Add(time.Hour), now) // what is known has fired
		earlier := arm(t, successor, "wf", begin.Add(30*time.Minute))
		if seq, err := w.Wakeup(t.Context(), 0, "wf"); seq != earlier || err != nil {
			t.Errorf("the wake-up lies at %d, %v; want %d", seq, err, earlier)
		}
		wantFired(t, ch, "wf", begin.Add(30*time.Minute))
	})
}

// A purge without the subjects of fired wake-ups would take along the pending ones, and those workflows would sleep for ever.
func TestReleaseOfFiredKeepsThePending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		begin := time.Now()
		ch := fired(t, w.Store)
		arm(t, w.Store, "late", begin.Add(3*time.Minute)) // the oldest message
		arm(t, w.Store, "early", begin.Add(time.Minute))
		arm(t, w.Store, "unreleased", begin.Add(2*time.Minute))
		must(t, w.ReleaseFired(t.Context(), 0, wantFired(t, ch, "early", begin.Add(time.Minute)).Seq))
		wantFired(t, ch, "unreleased", begin.Add(2*time.Minute))

		successor := fired(t, w.other(t))
		wantFired(t, ch, "late", begin.Add(3*time.Minute))
		synctest.Wait()
		for _, want := range []string{"unreleased", "late"} {
			if got, err := ns.ParseFired(next(t, successor, "a wake-up").Subject); err != nil || got != want {
				t.Errorf("the successor got %q, %v; want %q", got, err, want)
			}
		}
		none(t, successor, "a released wake-up")
	})
}

func TestRetryWaitsWithItsTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		at := time.Now().Add(time.Minute).UTC()
		retry := activity("run")
		retry.Attempt = 7
		ch := fired(t, w.Store)
		must(t, w.ArmRetry(0, retry, at)(t.Context()))

		waiting, due, err := w.Retry(t.Context(), 0, "wf", "run", retry.ScheduledID)
		must(t, err)
		if waiting == nil || waiting.Attempt != 7 || !due.Equal(at) {
			t.Errorf("attempt %v waits until %s, want 7 until %s", waiting, due, at)
		}
		d := wantFired(t, ch, "wf", at)
		var body protocol.TimerInput
		must(t, json.Unmarshal(d.Data, &body))
		if body.Task == nil || body.Task.Run != "run" || body.Task.Attempt != 7 {
			t.Errorf("the wake-up carries %v, want attempt 7", body.Task)
		}
		waiting, _, err = w.Retry(t.Context(), 0, "wf", "run", retry.ScheduledID)
		if waiting != nil || err != nil {
			t.Errorf("after it fired %v waits, %v; want none", waiting, err)
		}
	})
}

// The failure that leads to a retry may be heard once more, by a node that does not see yet what its predecessor has armed since.
func TestALaterAttemptStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		at := time.Now().Add(time.Minute).UTC()
		attempt := func(n int) protocol.ActivityTask {
			task := activity("run")
			task.Attempt = n
			return task
		}
		must(t, w.ArmRetry(0, attempt(2), at)(t.Context()))
		must(t, w.ArmRetry(0, attempt(3), at.Add(time.Minute))(t.Context()))
		must(t, w.ArmRetry(0, attempt(3), at.Add(2*time.Minute))(t.Context()))
		if err := w.ArmRetry(0, attempt(2), at)(t.Context()); !errors.Is(err, protocol.ErrConflict) {
			t.Errorf("an earlier attempt was armed: %v, want a conflict", err)
		}
		waiting, due, err := w.Retry(t.Context(), 0, "wf", "run", attempt(1).ScheduledID)
		must(t, err)
		if waiting == nil || waiting.Attempt != 3 || !due.Equal(at.Add(2*time.Minute)) {
			t.Errorf("attempt %v waits until %s, want 3 until %s", waiting, due, at.Add(2*time.Minute))
		}
	})
}
