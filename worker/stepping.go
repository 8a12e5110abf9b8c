package worker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// stepping is one step of a workflow while its code runs. It is answered once: with what the code asked for or, when the code takes too
// long, with a failure. Workflow code that blocks on something other than this SDK, such as a Go channel, cannot be stopped: its goroutine
// and its slot are lost to the worker until the code returns.
type stepping struct {
	w       *Worker
	task    *protocol.WorkflowTask
	respond Responder
	cancel  context.CancelFunc

	mu       sync.Mutex
	answered bool
	timer    *time.Timer // rings for the next sign of life, and when the code has taken too long
	// late is when it has; zero until the history is there: the time that it takes to read a long one does not count.
	late time.Time
}

// takeStep takes a step and answers it.
func (w *Worker) takeStep(work context.Context, task *protocol.WorkflowTask, respond Responder) {
	ctx, cancel := context.WithCancel(work)
	defer cancel()
	s := &stepping{w: w, task: task, respond: respond, cancel: cancel}
	s.begin()
	uncut := context.AfterFunc(ctx, func() {
		if work.Err() != nil { // a worker that is cut off is not the code's fault: another one takes the step
			s.answer(&protocol.WorkflowTaskAnswer{Refusal: protocol.RefusalDraining})
		}
	})
	defer uncut()
	answer := w.step(ctx, task, s.ready)
	<-w.steps
	s.answer(answer)
}

func (s *stepping) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(progressEvery, s.ring)
}

// ready is called when the history is there and the code is about to run.
func (s *stepping) ready() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.late.IsZero() && !s.answered {
		timeout := time.Duration(s.task.Timeout)
		s.late = time.Now().Add(timeout)
		if timeout < progressEvery {
			s.timer.Reset(timeout)
		}
	}
}

func (s *stepping) ring() {
	if s.inTime() {
		return
	}
	s.answer(failedTask(protocol.CauseWorkflowPanic, &protocol.Failure{
		Source: "go", Message: fmt.Sprintf("the code of workflow %s did not yield within %s: it blocks on something other than "+
			"the workflow package (a Go channel, a mutex, I/O) or computes for too long", s.task.Type, s.task.Timeout),
	}))
	s.w.log.Error("workflow code did not yield in time", "workflow_id", s.task.Workflow, "run_id", s.task.Run,
		"workflow_type", s.task.Type, "timeout", s.task.Timeout)
	s.cancel()
}

// inTime has the orchestrator hear that the step is under way, unless it is answered: the answer must be the last word. It is false when
// the code has taken too long.
func (s *stepping) inTime() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answered {
		return true
	}
	wait := progressEvery
	if !s.late.IsZero() {
		if wait = min(wait, time.Until(s.late)); wait <= 0 {
			return false
		}
	}
	s.w.respond(s.task, s.respond, &protocol.WorkflowTaskAnswer{Progress: true})
	s.timer.Reset(wait)
	return true
}

func (s *stepping) answer(a *protocol.WorkflowTaskAnswer) {
	s.mu.Lock()
	again := s.answered
	s.answered = true
	s.timer.Stop()
	s.mu.Unlock()
	if again {
		return
	}
	s.w.respond(s.task, s.respond, a)
	s.w.running.Done()
}
