package worker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
)

// A task that the broker gives out again was lost with a worker. That was an attempt: the policy must count it, and the code
// may want to know.
func TestAttemptsLostWithAWorkerCount(t *testing.T) {
	tests := map[string]struct {
		attempt, maximum, delivered int
		runs                        bool
		want                        int
		silent                      string // which attempt is told to have fallen silent
	}{
		"first delivery":           {1, 3, 1, true, 1, ""},
		"one was lost":             {1, 3, 2, true, 2, "attempt 1"},
		"two were lost":            {1, 0, 3, true, 3, "attempt 2"},
		"a retry was lost":         {2, 3, 2, true, 3, "attempt 2"},
		"the last one was lost":    {3, 3, 2, false, 3, "attempt 3"},
		"and so was the report":    {3, 3, 5, false, 3, "attempt 3"},
		"the only one was lost":    {1, 1, 2, false, 1, "attempt 1"},
		"no limit, many were lost": {1, 0, 50, true, 50, "attempt 49"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var saw []activity.Details
				s := work(t, act(func(ctx context.Context, _ string) (string, error) {
					saw = append(saw, activity.Info(ctx))
					return "", nil
				}))
				task := attempt(t, "in", func(a *protocol.ActivityTask) {
					a.Attempt, a.MaximumAttempts, a.LastFailure = tt.attempt, tt.maximum, &protocol.Failure{Message: "the one before"}
				})
				r := s.end(s.start(task, tt.delivered))
				if r.Attempt != tt.want || len(saw) == 1 != tt.runs {
					t.Errorf("attempt %d was reported and %d ran", r.Attempt, len(saw))
				}
				said := r.Failure
				if tt.runs {
					said = r.LastFailure
					if saw[0].Attempt != tt.want || saw[0].LastFailure.Message != said.Message {
						t.Errorf("the code was told of attempt %d after %v", saw[0].Attempt, saw[0].LastFailure)
					}
				}
				if tt.silent == "" {
					if said.Message != "the one before" {
						t.Errorf("the last failure is %v", said)
					}
				} else if said.Timeout == nil || said.Timeout.Type != protocol.TimeoutHeartbeat || !strings.Contains(said.Message, tt.silent) {
					t.Errorf("got %v, want %s to have fallen silent", said, tt.silent)
				}
			})
		})
	}
}

// The broker gives a task to another worker when it hears nothing for its AckWait.
func TestBrokerHearsOfATaskThreeTimesPerAckWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(func(context.Context, string) (string, error) {
			<-time.After(3*time.Second + 500*time.Millisecond)
			return "", nil
		}))
		began := time.Now()
		task := s.start(attempt(t, "in"), 1)
		s.end(task)
		<-time.After(time.Minute)
		var got []time.Duration
		for _, at := range task.signs() {
			got = append(got, at.Sub(began))
		}
		if want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}; !slices.Equal(got, want) {
			t.Errorf("the broker heard after %s, want %s", got, want)
		}
	})
}

// An attempt whose result is lost would be run again, and its effects with it.
func TestResultIsReportedUntilItIsStored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		runs := 0
		s := work(t, act(func(context.Context, string) (int, error) {
			runs++
			return runs, nil
		}))
		var tries []time.Time
		s.fail("PublishResult", func() error {
			if tries = append(tries, time.Now()); len(tries) <= 9 {
				return protocol.ErrUnavailable
			}
			return nil
		})
		task := s.start(attempt(t, "in"), 1)
		r := s.end(task)
		if decode[int](t, r.Result) != 1 || runs != 1 {
			t.Errorf("%s is stored after %d runs", r.Result, runs)
		}
		var waits []time.Duration
		for i, at := range tries[1:] {
			waits = append(waits, at.Sub(tries[i]))
		}
		const ms = time.Millisecond
		want := []time.Duration{50 * ms, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms}
		if !slices.Equal(waits, want) {
			t.Errorf("the waits between the tries are %s, want %s", waits, want)
		}
		if signs := len(task.signs()); signs != 16 {
			t.Errorf("meanwhile the broker heard of the task %d times, want once a second", signs)
		}
	})
}

// No number of tries makes a result smaller: the workflow must hear why there is none.
func TestResultThatDoesNotFitBecomesAFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(func(context.Context, string) (string, error) { return "much", nil }))
		small := protocol.Errorf(protocol.CodeTooLarge, "the message has 9 MB, NATS takes 8")
		tries := 0
		s.fail("PublishResult", func() error {
			if tries++; tries == 1 {
				return small
			}
			return nil
		})
		r := s.run(attempt(t, "in"))
		if !r.Result.IsZero() || r.Failure == nil || !r.Failure.Application.NonRetryable || r.Failure.Message != small.Message {
			t.Errorf("got %+v", r)
		}
	})
}

// A message that nobody understands must not block its queue, nor vanish.
func TestTaskThatIsNoTaskGoesToTheDeadLetters(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, act(untilTold), Workflow(wait, Named("wait")))
		for _, kind := range []protocol.TaskKind{protocol.TaskActivity, protocol.TaskWorkflow} {
			task := s.give(kind, []byte("{"), 1)
			if how := <-task.ended; how != "ack" || len(s.buried) != 1 || string(s.buried[0].Data) != "{" || s.buried[0].Subject != task.Subject() {
				t.Errorf("%s: the task ended with %s, buried are %+v", kind, how, s.buried)
			}
			s.buried = nil
		}
		s.fail("DeadLetter", func() error { return protocol.ErrUnavailable })
		if how := <-s.give(protocol.TaskActivity, []byte("{"), 1).ended; how != "leave" {
			t.Errorf("a task that could not be buried ended with %s", how)
		}
	})
}

// A call says only that somebody waits for a worker; the step itself comes by another way.
func TestCallForAWorkerIsAnswered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, Workflow(wait, Named("wait")))
		body, err := protocol.Marshal(protocol.QueuedWorkflowTask{Workflow: "w", Run: testRun, Type: "wait", ScheduledID: 2})
		if err != nil {
			t.Fatal(err)
		}
		s.fail("TellReady", func() error { return errors.New("no connection") })
		if how := <-s.give(protocol.TaskWorkflow, body, 1).ended; how != "nak" {
			t.Errorf("a call whose answer was not stored ended with %s", how)
		}
		s.fail("TellReady", nil)
		for delivered := range 2 {
			if how := <-s.give(protocol.TaskWorkflow, body, delivered+2).ended; how != "ack" {
				t.Errorf("the call ended with %s", how)
			}
		}
		synctest.Wait()
		ready := protocol.WorkerReady{Run: testRun, ScheduledID: 2, Worker: "worker-1"}
		if len(s.told) != 2 || s.told[0].workflow != "w" || s.told[0].body != ready {
			t.Fatalf("the workflow was told %+v", s.told)
		}
	})
}

// A worker answers no more calls than it can take steps, however many there are: each keeps its slot until the workflow has dealt with the
// answer, or the worker ends.
func TestCallKeepsItsSlot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, Workflow(wait, Named("wait")))
		s.heard = make(chan struct{})
		body, err := protocol.Marshal(protocol.QueuedWorkflowTask{Workflow: "w", Run: testRun, Type: "wait", ScheduledID: 2})
		if err != nil {
			t.Fatal(err)
		}
		first, second := s.give(protocol.TaskWorkflow, body, 1), s.give(protocol.TaskWorkflow, body, 2)
		synctest.Wait()
		for _, call := range []*fakeTask{first, second} {
			if how := <-call.ended; how != "ack" || call.free.Load() {
				t.Errorf("the call ended with %s, and its slot is free: %t", how, call.free.Load())
			}
		}
		s.heard <- struct{}{}
		synctest.Wait()
		if first.free.Load() == second.free.Load() {
			t.Errorf("one answer was heard, and the slots are free: %t, %t", first.free.Load(), second.free.Load())
		}
		s.stop()
		synctest.Wait()
		if !first.free.Load() || !second.free.Load() {
			t.Error("a worker that has ended waits to be heard")
		}
	})
}
