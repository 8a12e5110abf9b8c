package worker

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// asleep runs for a while, and ends at once when its context does.
func asleep(ctx context.Context, d time.Duration) (string, error) {
	select {
	case <-time.After(d):
		return "rested", nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func TestDrainTakesNothingNewAndLetsWhatRunsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		code := &traced{}
		s := work(t, act(asleep), flow(code.echo), Grace(time.Minute))
		st := play(t, echo, 1).next()
		s.takes(st, st.task)
		began := time.Now()
		task := s.start(attempt(t, 59*time.Second), 1)
		synctest.Wait()
		if want := []string{"cancels", "hand-overs", "pull activity", "pull workflow", "steps"}; !slices.Equal(s.serving(), want) {
			t.Errorf("the worker serves %q, want %q", s.serving(), want)
		}
		s.stop()
		synctest.Wait()
		// Nobody is to be sent here, and nothing is taken; but a cancellation must still find the activity, and what was promised comes.
		if want := []string{"cancels", "hand-overs"}; !slices.Equal(s.serving(), want) || len(s.rows) > 0 {
			t.Errorf("while it drains the worker serves %q, and its row is %+v", s.serving(), s.rows)
		}
		if a, _ := s.ask(st.task); a.Refusal != protocol.RefusalDraining {
			t.Errorf("a step was answered with %+v", a)
		}
		if code.ended.Load() != 0 {
			t.Error("the cache was emptied before the worker stopped")
		}
		if err := <-s.ended; err != nil || time.Since(began) != 59*time.Second {
			t.Errorf("Run returned %v after %s", err, time.Since(began))
		}
		if r := s.end(task); r.Failure != nil || decode[string](t, r.Result) != "rested" {
			t.Errorf("the activity's result is %+v", r)
		}
		if len(s.serving()) > 0 || code.ended.Load() != 1 {
			t.Errorf("afterwards the worker serves %q, and has unwound %d runs", s.serving(), code.ended.Load())
		}
	})
}

// What does not end in time is another worker's: no result is stored, and the task goes back at once.
func TestDrainCutsOffWhatRunsTooLong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(asleep), Grace(time.Minute))
		began := time.Now()
		task := s.start(attempt(t, time.Hour), 1)
		synctest.Wait()
		s.stop()
		if err := <-s.ended; err != nil || time.Since(began) != time.Minute {
			t.Errorf("Run returned %v after %s", err, time.Since(began))
		}
		if how := <-task.ended; how != "nak" || len(s.results) > 0 || time.Since(began) != time.Minute {
			t.Errorf("the task ended with %s after %s, results: %+v", how, time.Since(began), s.results)
		}
	})
}

// The process may live on, as one with several workers does. If the broker went on hearing of the task it would never give it to
// another worker.
func TestBrokerHearsNoMoreOfATaskThatIsCutOffAndGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		deaf := make(chan struct{})
		s := work(t, act(func(context.Context, string) (string, error) {
			<-deaf
			return "", nil
		}), Grace(10*time.Second))
		task := s.start(attempt(t, "in"), 1)
		synctest.Wait()
		s.stop()
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		before := len(task.signs())
		<-time.After(time.Hour)
		if after := len(task.signs()); after != before || before > 10 {
			t.Errorf("the broker heard of it %d times before the worker ended and %d times later", before, after-before)
		}
		close(deaf)
		if how := <-task.ended; how != "nak" || len(s.results) > 0 {
			t.Errorf("the task ended with %s, results: %+v", how, s.results)
		}
	})
}

// A result that cannot be stored is worth waiting for, but not longer than the worker may take to stop.
func TestDrainGivesUpAResultThatCannotBeStored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(asleep), Grace(time.Minute))
		s.fail("PublishResult", func() error { return protocol.ErrUnavailable })
		task := s.start(attempt(t, time.Second), 1)
		synctest.Wait()
		s.stop()
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
		if how := <-task.ended; how != "nak" {
			t.Errorf("the task ended with %s", how)
		}
	})
}

// A step that is under way is answered, so that no other worker must take it again.
func TestDrainLetsAStepEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		entered, open := make(chan struct{}), make(chan struct{})
		s := work(t, flow(func(ctx workflow.Context, n int) (string, error) {
			close(entered)
			<-open
			return echo(ctx, n)
		}))
		st := play(t, echo, 1).next()
		answers := make(chan *protocol.WorkflowTaskAnswer, 100)
		s.steps(st.task, func(a *protocol.WorkflowTaskAnswer) error {
			answers <- a
			return nil
		})
		<-entered
		s.stop()
		synctest.Wait()
		select {
		case err := <-s.ended:
			t.Fatalf("Run returned %v while a step was under way", err)
		default:
		}
		close(open)
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
		if a := <-answers; a.Failure != nil || a.Refusal != "" || a.Progress {
			t.Errorf("the step was answered with %+v", a)
		}
	})
}

// Code that blocks cannot be waited for. The run's history must not say that it blocked for as long as it may: it had no chance to.
func TestDrainHandsAStepThatBlocksToAnotherWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := blocker{make(chan struct{})}
		defer close(b.open)
		s := work(t, flow(b.run), Grace(time.Minute))
		task := *play(t, echo, 1).next().task
		task.Timeout = protocol.Duration(time.Hour)
		began := time.Now()
		time.AfterFunc(time.Second, s.stop)
		if a, _ := s.ask(&task); a.Refusal != protocol.RefusalDraining || a.Failure != nil {
			t.Errorf("got %+v, want a refusal", a)
		}
		if err := <-s.ended; err != nil || time.Since(began) != time.Minute+time.Second {
			t.Errorf("Run returned %v after %s", err, time.Since(began))
		}
	})
}
