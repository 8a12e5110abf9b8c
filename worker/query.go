package worker

import (
	"context"
	"fmt"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
)

// query lets the code of a run answer a question, on the run in the cache or on a replay of its history. The run stays in the cache
// for its next step.
func (w *Worker) query(ctx context.Context, task *protocol.WorkflowTask, p program, ready func()) *protocol.WorkflowTaskAnswer {
	c, done := w.borrow(ctx, task.Run)
	defer done()
	if c.fits(task) {
		ready()
		defer w.cache.put(c)
		return w.ask(ctx, c.run, task)
	}
	if c != nil {
		w.cache.put(c) // it may be further than what the orchestrator has read: the next step needs it
	}
	if task.Base != "" {
		return &protocol.WorkflowTaskAnswer{Refusal: protocol.RefusalCacheMiss}
	}
	fresh, failed := w.replayed(ctx, task, p, ready)
	if failed != nil {
		return failed
	}
	answer := w.ask(ctx, fresh.run, task)
	if fresh.run.Closed() || c != nil {
		fresh.run.Close()
	} else {
		w.cache.put(fresh)
	}
	return answer
}

// replayed is a new run that has seen the task's whole history.
func (w *Worker) replayed(
	ctx context.Context, task *protocol.WorkflowTask, p program, ready func(),
) (*cached, *protocol.WorkflowTaskAnswer) {
	events, err := w.eventsOf(ctx, w.edge(ctx), task)
	if err != nil {
		return nil, failedTask(protocol.CauseWorkflowPanic, protocol.NewFailure(fmt.Errorf("read the run's history: %w", err)))
	}
	ready()
	run := replay.New(p)
	if a := run.Step(events); a.Failure != nil {
		run.Close()
		return nil, failedTask(a.Cause, w.sealFailure(ctx, a.Cause, a.Failure))
	}
	return &cached{id: task.Run, run: run, nonce: task.Last, kind: task.Type}, nil
}

// ask asks the code.
func (w *Worker) ask(ctx context.Context, run *replay.Run, task *protocol.WorkflowTask) *protocol.WorkflowTaskAnswer {
	q, edge := *task.Query, w.edge(ctx)
	if err := edge.OpenAll(&q); err != nil {
		return failedTask(protocol.CauseWorkflowPanic, protocol.NewFailure(fmt.Errorf("fetch the query's input: %w", err)))
	}
	answer := run.Query(q)
	if err := edge.SealAll(&answer); err != nil {
		answer = &protocol.WorkflowQueryAnswer{Failure: protocol.NewFailure(fmt.Errorf("store the query's answer: %w", err))}
	}
	return &protocol.WorkflowTaskAnswer{Query: answer}
}
