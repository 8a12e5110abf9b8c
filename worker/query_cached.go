package worker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// queryTimeout is how long a query that comes past the orchestrators may take.
const queryTimeout = 10 * time.Second

// takeQuery answers a question that comes past the orchestrators, from the cache or not at all. The answer says which step left the run as
// it is; whoever asks finds out whether that is the last one that was recorded.
func (w *Worker) takeQuery(ctx context.Context, q *protocol.QueryTask, respond Responder) {
	if q.Overtaken { // before the next question, whatever else is under way
		if old := w.cache.overtake(q.Run, q.Unless); old != nil {
			w.store.Go(old.run.Close) // which waits for what the code defers
		}
		return
	}
	say := func(a *protocol.WorkflowTaskAnswer) {
		a.Worker, a.SDK, a.Version = w.identity, SDK, w.version
		if err := respond(a); err != nil {
			w.log.Debug("a query could not be answered; an orchestrator will be asked", "workflow_id", q.Workflow, "error", err)
		}
	}
	if r := w.takeSlot(); r != "" {
		say(&protocol.WorkflowTaskAnswer{Refusal: r})
		return
	}
	w.running.Add(1)
	w.store.Go(func() {
		defer func() { <-w.steps }()
		w.answerQuery(ctx, q, say)
	})
}

// answerQuery lets the code answer. If it does not come back in time, the question is answered without it, and the slot is lost until it
// does.
func (w *Worker) answerQuery(ctx context.Context, q *protocol.QueryTask, say func(*protocol.WorkflowTaskAnswer)) {
	over := sync.OnceFunc(w.running.Done)
	defer over()
	c, done := w.lend(ctx, q.Run)
	defer done()
	if c == nil {
		say(&protocol.WorkflowTaskAnswer{Refusal: protocol.RefusalCacheMiss})
		return
	}
	left := int(queryTimeout / progressEvery)
	stop := tick(progressEvery, func() {
		switch left--; {
		case left > 0:
			say(&protocol.WorkflowTaskAnswer{Progress: true})
		case left == 0:
			w.log.Error("a query's handler did not return in time", "workflow_id", q.Workflow, "run_id", q.Run, "query", q.Query.Name)
			say(failedTask(protocol.CauseWorkflowPanic, &protocol.Failure{Source: "go", Message: fmt.Sprintf(
				"the handler of query %s did not return within %s", q.Query.Name, queryTimeout)}))
			done()
			over()
		}
	})
	answer := w.ask(ctx, c.run, &protocol.WorkflowTask{Workflow: q.Workflow, Run: q.Run, Query: &q.Query})
	answer.Nonce, answer.Pinned = c.nonce, w.registry.pinned[c.kind]
	if c.heard == w.store.Hearing() { // it was in no gap that the worker might have been told of a later step
		answer.HeardOn = c.heard.Server
	}
	w.cache.put(c)
	stop()
	if left > 0 {
		say(answer)
	}
}

// lend takes a run out of the cache, and waits for it if a step is under way.
func (w *Worker) lend(ctx context.Context, run string) (*cached, func()) {
	c, done, busy := w.cache.tryTake(run)
	if busy == nil {
		return c, done
	}
	ctx, cancel := context.WithTimeout(ctx, progressEvery)
	defer cancel()
	return w.cache.take(ctx, run)
}
