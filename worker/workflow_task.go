package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
	"github.com/millrace-dev/millrace/worker/replay"
)

// progressEvery is how often a worker says that it is still at a step. The orchestrator gives a silent one up after 2 s.
const progressEvery = 500 * time.Millisecond

// takeWorkflowTask takes one step of a workflow, or refuses it at once: a refused step costs nothing and goes elsewhere.
func (w *Worker) takeWorkflowTask(ctx context.Context, task *protocol.WorkflowTask, respond Responder) {
	if r := w.takeSlot(); r != "" {
		w.respond(task, respond, &protocol.WorkflowTaskAnswer{Refusal: r})
		return
	}
	w.running.Add(1)
	w.store.Go(func() { w.takeStep(ctx, task, respond) })
}

// takeSlot takes one of the tokens for steps, or says why there is none.
func (w *Worker) takeSlot() protocol.Refusal {
	select {
	case <-w.draining:
		return protocol.RefusalDraining
	default:
	}
	select {
	case w.steps <- struct{}{}:
		return ""
	default:
		return protocol.RefusalBusy
	}
}

// sign says in an answer whose it is.
func (w *Worker) sign(task *protocol.WorkflowTask, a *protocol.WorkflowTaskAnswer) {
	a.Worker, a.SDK, a.Version = w.identity, SDK, w.version
	a.Pinned = a.Pinned || w.registry.pinned[task.Type]
}

func (w *Worker) respond(task *protocol.WorkflowTask, respond Responder, a *protocol.WorkflowTaskAnswer) {
	w.sign(task, a)
	err := respond(a)
	if errors.Is(err, protocol.ErrTooLarge) { // the run says why, in place of silence
		a = failedTask(protocol.CauseBadCommand, protocol.NewFailure(err))
		w.sign(task, a)
		err = respond(a)
	}
	if err != nil {
		w.log.Warn("a workflow task could not be answered; it will come again", "workflow_id", task.Workflow, "error", err)
	}
}

func failedTask(cause protocol.TaskFailedCause, f *protocol.Failure) *protocol.WorkflowTaskAnswer {
	return &protocol.WorkflowTaskAnswer{Cause: cause, Failure: f.Bound()}
}

// step runs the workflow's code over the task's events, on the run in the cache or on a new one.
//
// ready is called when the history is there and the code is about to run.
func (w *Worker) step(ctx context.Context, task *protocol.WorkflowTask, ready func()) *protocol.WorkflowTaskAnswer {
	program, ok := w.registry.workflow(task.Type)
	if !ok {
		return failedTask(protocol.CauseUnknownType, w.unknown("workflow", task.Type, w.registry.workflowNames()))
	}
	if task.Query != nil {
		return w.query(ctx, task, program, ready)
	}
	run, done, refusal := w.runFor(ctx, task, program)
	defer done()
	if refusal != "" {
		return &protocol.WorkflowTaskAnswer{Refusal: refusal}
	}
	edge := w.edge(ctx)
	events, err := w.eventsOf(ctx, edge, task)
	if err != nil {
		run.Close()
		return failedTask(protocol.CauseWorkflowPanic, protocol.NewFailure(fmt.Errorf("read the run's history: %w", err)))
	}
	ready()
	answer := run.Step(unseen(events, run.LastEvent()), task.Updates...)
	answer = w.runLocals(ctx, task, run, answer)
	if ctx.Err() != nil { // the worker is cut off: what its local activities came to must not be recorded
		run.Close()
		return &protocol.WorkflowTaskAnswer{Refusal: protocol.RefusalDraining}
	}
	if answer.Failure != nil {
		run.Close()
		return failedTask(answer.Cause, w.sealFailure(ctx, answer.Cause, answer.Failure))
	}
	reply, err := w.seal(edge, task, answer)
	if err != nil {
		run.Close()
		return failedTask(protocol.CauseWorkflowPanic, protocol.NewFailure(fmt.Errorf("store the payloads of the step: %w", err)))
	}
	left := &cached{id: task.Run, run: run, nonce: task.Nonce, kind: task.Type, heard: w.store.Hearing()}
	if answer.Unchanged { // the step will not be recorded: the run is where the last one that was left it, how long ago is not known
		left.nonce, left.heard = cmp.Or(task.Base, task.Last), protocol.Hearing{}
	}
	w.keep(left)
	return reply
}

// seal makes the reply to a step that was taken, and says which of its activities the worker takes.
func (w *Worker) seal(edge codec.Edge, task *protocol.WorkflowTask, answer replay.Answer) (*protocol.WorkflowTaskAnswer, error) {
	reply := &protocol.WorkflowTaskAnswer{Commands: answer.Commands, Rejections: answer.Rejections, Keeps: true}
	if err := edge.SealAll(reply); err != nil {
		return nil, err
	}
	reply.Takes = w.promise(task.Run, answer.Commands)
	return reply, nil
}

// keep puts a run into the cache as a step left it, unless that was the last.
func (w *Worker) keep(c *cached) {
	if c.run.Closed() || c.nonce == "" {
		c.run.Close()
	} else {
		w.cache.put(c)
	}
}

// runFor finds the run that a task continues. A cached run counts only if the last step that it took here is the last one that
// was recorded: the nonces tell. Any other must be forgotten, because what it saw may never have happened.
func (w *Worker) runFor(ctx context.Context, task *protocol.WorkflowTask, p program) (run *replay.Run, done func(), r protocol.Refusal) {
	c, done := w.borrow(ctx, task.Run)
	if c.fits(task) && c.catchUp(task) {
		return c.run, done, ""
	}
	if c != nil {
		if c.foreseen {
			w.caution.vain(c.kind)
		}
		c.run.Close()
	}
	if task.Base != "" {
		return nil, done, protocol.RefusalCacheMiss
	}
	return replay.New(p), done, ""
}

// borrow takes a run out of the cache until done is called, or ctx ends: code that hangs keeps its run for ever, but not the others who
// want it.
func (w *Worker) borrow(ctx context.Context, run string) (c *cached, done func()) {
	c, back := w.cache.take(ctx, run)
	unless := context.AfterFunc(ctx, back)
	return c, func() {
		unless()
		back()
	}
}

// fits reports whether a cached run is where a task begins.
func (c *cached) fits(task *protocol.WorkflowTask) bool {
	base := cmp.Or(task.Base, task.Last)
	return c != nil && base != "" && c.nonce == base && c.run.LastEvent() >= task.After
}

// catchUp tells a run what was recorded of its last step, if the task leaves that out. False says that it is not the run's step.
func (c *cached) catchUp(task *protocol.WorkflowTask) bool {
	return c.run.LastEvent() >= task.Recorded || c.run.Recorded(task.After+1, task.Recorded)
}

// unseen leaves out the events up to one that the run has seen: a step that was not recorded, because every update in it was
// refused, has shown it how the step before was recorded.
func unseen(events []protocol.Event, last int64) []protocol.Event {
	for len(events) > 0 && events[0].ID <= last {
		events = events[1:]
	}
	return events
}

// eventsOf returns the task's events with what the code will read at hand: the part of the history that was too large for the
// task, and the payloads that lie in the object store.
func (w *Worker) eventsOf(ctx context.Context, edge codec.Edge, task *protocol.WorkflowTask) ([]protocol.Event, error) {
	var events []protocol.Event
	req := protocol.HistoryRequest{ID: task.Workflow, Run: task.Run}
	for req.After < task.Omitted {
		var page protocol.HistoryPage
		if err := w.store.Request(ctx, protocol.HistoryOf(w.queue), req, &page); err != nil {
			return nil, err
		}
		req.Cursor = page.Cursor
		for _, e := range page.Events {
			if e.ID <= task.Omitted {
				events = append(events, e)
			}
			req.After = e.ID
		}
		if len(page.Events) == 0 {
			return nil, protocol.Errorf(protocol.CodeUnavailable, "the history ends before event %d", task.Omitted)
		}
	}
	events = append(events, task.Events...)
	if err := edge.OpenAll(&task.Updates); err != nil {
		return nil, err
	}
	return events, edge.OpenEvents(events)
}

// unknown says that a type is not registered here, and what is.
func (w *Worker) unknown(what, name string, known []string) *protocol.Failure {
	has := "knows none"
	if len(known) > 0 {
		has = "knows " + strings.Join(known, ", ")
	}
	return &protocol.Failure{
		Source: "go", Message: fmt.Sprintf("no %s %q on worker %s of queue %q, which %s", what, name, w.identity, w.queue, has),
		Application: &protocol.ApplicationFailure{Type: string(protocol.CodeUnknownType)},
	}
}
