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
	w        *Worker
	task     *protocol.WorkflowTask
	respond  Responder
	cancel   context.CancelFunc
	progress func() // ends the signs of life

	once sync.Once
	late *time.Timer // nil until the history is there: the time that it takes to read a long one does not count
}

// takeStep takes a step and answers it.
func (w *Worker) takeStep(work context.Context, task *protocol.WorkflowTask, respond Responder) {
	ctx, cancel := context.WithCancel(work)
	defer cancel()
	s := &stepping{w: w, task: task, respond: respond, cancel: cancel}
	// The orchestrator hears now and then that the step is under way. The answer must be the last word.
	s.progress = tick(progressEvery, func() { w.respond(task, respond, &protocol.WorkflowTaskAnswer{Progress: true}) })
	// A worker that is cut off is not the code's fault: another one takes the step.
	uncut := context.AfterFunc(work, func() { s.answer(&protocol.WorkflowTaskAnswer{Refusal: protocol.RefusalDraining}) })
	defer uncut()
	answer := w.step(ctx, task, s.ready)
	<-w.steps
	if s.late != nil {
		s.late.Stop()
	}
	s.answer(answer)
}

// ready is called when the history is there and the code is about to run.
func (s *stepping) ready() {
	if s.late == nil {
		s.late = time.AfterFunc(time.Duration(s.task.Timeout), s.tooLate)
	}
}

func (s *stepping) tooLate() {
	s.answer(failedTask(protocol.CauseWorkflowPanic, &protocol.Failure{
		Source: "go", Message: fmt.Sprintf("the code of workflow %s did not yield within %s: it blocks on something other than "+
			"the workflow package (a Go channel, a mutex, I/O) or computes for too long", s.task.Type, s.task.Timeout),
	}))
	s.w.log.Error("workflow code did not yield in time", "workflow_id", s.task.Workflow, "run_id", s.task.Run,
		"workflow_type", s.task.Type, "timeout", s.task.Timeout)
	s.cancel()
}

func (s *stepping) answer(a *protocol.WorkflowTaskAnswer) {
	s.once.Do(func() {
		s.progress()
		s.w.respond(s.task, s.respond, a)
		s.w.running.Done()
	})
}
