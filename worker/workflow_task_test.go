package worker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// flow registers the tests' workflow.
func flow[I, O any](f func(workflow.Context, I) (O, error)) Option {
	return Workflow(f, Named(replaytest.Type))
}

// traced counts how often a workflow's code begins, and is unwound or returns.
type traced struct{ begun, ended atomic.Int32 }

func (c *traced) echo(ctx workflow.Context, n int) (string, error) {
	c.begun.Add(1)
	defer c.ended.Add(1)
	return echo(ctx, n)
}

// ask offers a step and returns the worker's last word, and when it said before that it is at work.
func (s *site) ask(task *protocol.WorkflowTask) (answer *protocol.WorkflowTaskAnswer, progress []time.Duration) {
	s.t.Helper()
	began := time.Now()
	answers := make(chan *protocol.WorkflowTaskAnswer, 1000)
	s.steps(task, func(a *protocol.WorkflowTaskAnswer) error {
		answers <- a
		return nil
	})
	for {
		a := receive(s.t, answers, "an answer")
		if a.Worker != "worker-1" || a.SDK != SDK {
			s.t.Errorf("the answer is signed by %q, %q", a.Worker, a.SDK)
		}
		if !a.Progress {
			synctest.Wait()
			if len(answers) > 0 {
				s.t.Errorf("another word after the answer: %+v", <-answers)
			}
			return a, progress
		}
		progress = append(progress, time.Since(began))
	}
}

// takes checks that the worker takes a step and commands what the script commands.
func (s *site) takes(st step, task *protocol.WorkflowTask) {
	s.t.Helper()
	a, _ := s.ask(task)
	if a.Failure != nil || a.Refusal != "" {
		s.t.Fatalf("the step ended with %q, %v", a.Refusal, a.Failure)
	}
	got, want := encode(s.t, a.Commands), encode(s.t, st.want)
	if got.String() != want.String() {
		s.t.Errorf("got commands\n%s\nwant\n%s", got, want)
	}
}

// misses checks that the worker asks for the whole history.
func (s *site) misses(task *protocol.WorkflowTask) {
	s.t.Helper()
	if a, _ := s.ask(task); a.Refusal != protocol.RefusalCacheMiss {
		s.t.Errorf("got %+v, want a cache miss", a)
	}
}

// fails checks that a step fails for a cause, and returns the report.
func (s *site) fails(task *protocol.WorkflowTask, cause protocol.TaskFailedCause) *protocol.Failure {
	s.t.Helper()
	a, _ := s.ask(task)
	if a.Failure == nil || a.Cause != cause || len(a.Commands) > 0 {
		s.t.Fatalf("got %+v, want a failure because of %s", a, cause)
	}
	return a.Failure
}

// A history that is too large for a message is fetched in pages, and the last page may already hold events of the task.
func TestOmittedEventsAreFetched(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := play(t, echo, 2)
		p.next()
		p.Signal("word", "a")
		p.next()
		p.Complete(p.Activities()[0].ID, "A")
		p.next()
		p.Signal("word", "b")
		st := p.next()
		for omitted := range int64(len(st.full.Events)) {
			s := work(t, flow(echo))
			s.history = st.full.Events
			task := *st.full
			task.Omitted, task.Events = omitted, st.full.Events[omitted:]
			s.takes(st, &task)
			var after []int64
			for _, req := range s.asked {
				after = append(after, req.After)
				if req.ID != task.Workflow || req.Run != task.Run {
					t.Errorf("asked for %+v", req)
				}
			}
			want := []int64{0, 2, 4, 6, 8, 10, 12, 14, 16}[:(omitted+1)/2]
			if !slices.Equal(after, want) {
				t.Errorf("with %d events omitted the worker asked for those after %d, want %d", omitted, after, want)
			}
		}
	})
}

func TestHistoryThatCannotBeReadFailsTheStepOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, flow(echo))
		p := play(t, echo, 1)
		p.next()
		p.Signal("word", "a")
		st := p.next()
		task := *st.full
		task.Omitted, task.Events = 3, st.full.Events[3:]
		s.history = st.full.Events[:2]
		if f := s.fails(&task, protocol.CauseWorkflowPanic); !strings.Contains(f.Error(), "ends before event 3") {
			t.Errorf("a history with a missing end: %v", f)
		}
		s.fail("Request", func() error { return protocol.ErrNoOrchestrator })
		if f := s.fails(&task, protocol.CauseWorkflowPanic); !strings.Contains(f.Error(), protocol.ErrNoOrchestrator.Message) {
			t.Errorf("a history that nobody has: %v", f)
		}
		s.fail("Request", nil)
		s.history = st.full.Events
		s.takes(st, &task)
	})
}

func TestPanicFailsTheStepAndNotTheWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		mended := false
		s := work(t, flow(func(ctx workflow.Context, n int) (string, error) {
			if !mended {
				panic("a vase")
			}
			return echo(ctx, n)
		}))
		st := play(t, echo, 1).next()
		f := s.fails(st.task, protocol.CauseWorkflowPanic)
		if !strings.Contains(f.Message, "a vase") || !strings.Contains(f.Stack, "workflow_task_test.go") {
			t.Errorf("the report is %q\n%s", f.Message, f.Stack)
		}
		mended = true
		s.takes(st, st.task)
	})
}

func TestChangedCodeIsReportedSideBySide(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := play(t, echo, 1)
		p.next()
		p.Signal("word", "a")
		p.next()
		p.Complete(p.Activities()[0].ID, "A")
		st := p.next()
		s := work(t, flow(func(ctx workflow.Context, _ int) (string, error) {
			if _, err := workflow.Receive(ctx, word); err != nil {
				return "", err
			}
			return "", workflow.Sleep(ctx, time.Minute)
		}))
		report := s.fails(st.full, protocol.CauseNonDeterministic).Message
		for _, part := range []string{"activity 1 shout(", "timer 1 of 1m0s", "worker/workflow_task_test.go:"} {
			if !strings.Contains(report, part) {
				t.Errorf("the report does not show %q:\n%s", part, report)
			}
		}
	})
}

func TestUnknownWorkflowIsRefusedWithWhatIsKnown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, Workflow(wait, Named("shop.Wait")), Workflow(echo, Named("shop.Echo")))
		f := s.fails(play(t, echo, 1).next().task, protocol.CauseUnknownType)
		if f.Application == nil || f.Application.Type != string(protocol.CodeUnknownType) {
			t.Errorf("the failure is %+v", f)
		}
		want := fmt.Sprintf("no workflow %q on worker worker-1 of queue %q, which knows shop.Echo, shop.Wait", replaytest.Type, testQueue)
		if f.Message != want {
			t.Errorf("got %s\nwant %s", f.Message, want)
		}
	})
}

// The orchestrator sends the step again; the worker has only lost its word.
func TestAnswerThatCannotBeSentLeavesTheWorkerAtWork(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, flow(echo))
		st := play(t, echo, 1).next()
		lost := make(chan struct{})
		s.steps(st.task, func(*protocol.WorkflowTaskAnswer) error {
			close(lost)
			return errors.New("no connection")
		})
		<-lost
		s.takes(st, st.task)
	})
}
