package orchestrator

import (
	"context"
	"errors"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

const (
	// queryTimeout is how long a worker may take to answer a query, replay included.
	queryTimeout = 10 * time.Second
	// queryTries is how often a worker is asked whose cached run is not where history says: most often it has just taken a step that is
	// being recorded. The wait between doubles from a millisecond.
	queryTries = 10
)

// query asks the code of a run. It reads history and asks a worker, and nothing else: no shard's owner and no record is involved, so a
// run that is busy, paused or closed can be asked as well. The worker that has the run in its cache answers at once; any other one
// replays the history first.
func (c control) query(ctx context.Context, r protocol.QueryRequest) (protocol.QueryAnswer, error) {
	q, err := r.Question()
	if err != nil {
		return protocol.QueryAnswer{}, err
	}
	if r.Reject != "" && r.Reject != protocol.RejectNotOpen && r.Reject != protocol.RejectNotCompletedCleanly {
		return protocol.QueryAnswer{}, protocol.Errorf(protocol.CodeBadRequest, "%q is no condition of a query", r.Reject).
			WithHint("%s or %s", protocol.RejectNotOpen, protocol.RejectNotCompletedCleanly)
	}
	if q.Name == "" {
		return protocol.QueryAnswer{}, protocol.Errorf(protocol.CodeBadRequest, "a query needs a name").WithHint(`"query": "status"`)
	}
	if r.Reject == "" {
		if answer, known := c.store.QueryCached(ctx, r.ID, r.Run, q); known {
			return answer, nil
		}
	}
	for try := range queryTries {
		task, worker, err := c.queryTask(ctx, r, &q)
		if err != nil {
			return protocol.QueryAnswer{}, err
		}
		if worker == "" {
			break
		}
		answer, err := c.store.Offer(ctx, worker, task, patience)
		if err != nil || answer.Refusal != "" && answer.Refusal != protocol.RefusalCacheMiss {
			break // it is gone, or busy: ask somebody else
		}
		if answer.Refusal == "" {
			return c.answered(r, task, answer)
		}
		select {
		case <-time.After(time.Millisecond << try):
		case <-ctx.Done():
			return protocol.QueryAnswer{}, ctx.Err()
		}
	}
	return c.queryAnyone(ctx, r, &q)
}

// queryTask is the question for the worker that has the run in its cache; the worker is empty when none does.
func (c control) queryTask(
	ctx context.Context, r protocol.QueryRequest, q *protocol.WorkflowQuery,
) (*protocol.WorkflowTask, string, error) {
	var task *protocol.WorkflowTask
	var worker, queue string
	var alone bool
	var status protocol.Status
	err := c.look(ctx, r.ID, r.Run, func(w *machine.Workflow) {
		alone, status = w.Run.Start.Activity != nil, w.Run.Status
		task, worker, queue = w.QueryTask(q, protocol.Duration(queryTimeout)), w.Run.Worker, w.Run.Start.Queue
		if task != nil && w.Run.Size > inlineHistory {
			task.Omitted = w.Run.LastEvent
		}
		if !w.Run.Open() {
			worker = ""
		}
	})
	switch {
	case err != nil:
		return nil, "", err
	case r.Reject.Rejects(status):
		return nil, "", protocol.Errorf(protocol.CodeClosed, "workflow %q has ended (%s): the query is not for such runs", r.ID, status).
			WithHint("ask without the condition: runs that have ended answer as well")
	case alone:
		return nil, "", protocol.Errorf(protocol.CodeBadRequest, "%q is an activity that runs alone: there is no workflow to ask", r.ID).
			WithHint("`millrace describe %s` shows what it is doing", r.ID)
	case task == nil:
		return nil, "", protocol.Errorf(protocol.CodeNotReady, "workflow %q has not taken its first step yet", r.ID).
			WithHint("a worker of its queue %q must be there; `millrace workers %s` lists them", queue, queue)
	case task.Queue == queue: // not pinned
		if current, err := c.store.CurrentVersion(ctx, queue); err == nil && current != "" {
			task.Queue = protocol.VersionQueue(queue, current)
		}
	}
	return task, worker, nil
}

// queryAnyone sends the question with the whole history.
func (c control) queryAnyone(ctx context.Context, r protocol.QueryRequest, q *protocol.WorkflowQuery) (protocol.QueryAnswer, error) {
	task, _, err := c.queryTask(ctx, r, q)
	if err != nil {
		return protocol.QueryAnswer{}, err
	}
	task.Last, task.Base, task.After = task.Base, "", 0
	if task.Omitted == 0 {
		view, err := c.read(ctx, r.ID, task.Run)
		if err != nil {
			return protocol.QueryAnswer{}, err
		}
		if now := view.workflow.QueryTask(q, task.Timeout); now != nil {
			task.Last = now.Base
		}
		task.Events = view.events
	}
	for range groupTries {
		answer, err := c.store.Offer(ctx, "", task, patience)
		if errors.Is(err, protocol.ErrNoWorker) {
			return protocol.QueryAnswer{}, protocol.Errorf(protocol.CodeNoWorker, "no worker serves the queue %q", task.Queue).
				WithHint("start one: a query is answered by the workflow's own code")
		}
		if err != nil {
			return protocol.QueryAnswer{}, err
		}
		if answer.Refusal == "" {
			return c.answered(r, task, answer)
		}
	}
	return protocol.QueryAnswer{}, protocol.Errorf(protocol.CodeNoWorker, "every worker of the queue %q is busy", task.Queue).
		WithHint("ask again, or start more workers")
}

func (c control) answered(
	r protocol.QueryRequest, task *protocol.WorkflowTask, a *protocol.WorkflowTaskAnswer,
) (protocol.QueryAnswer, error) {
	answer := protocol.QueryAnswer{ID: r.ID, Run: task.Run, Failure: a.Failure}
	switch {
	case a.Failure != nil:
	case a.Query == nil:
		return answer, protocol.Errorf(protocol.CodeUnsupported, "the worker %s does not know queries", a.Worker).WithHint("upgrade it")
	default:
		answer.Result, answer.Failure = a.Query.Result, a.Query.Failure
	}
	if f := answer.Failure; f != nil && f.Application != nil && f.Application.Type == string(protocol.CodeUnknownQuery) {
		return answer, protocol.Errorf(protocol.CodeUnknownQuery, "%s", f.Message).
			WithHint("ask what it answers; workflow.HandleQuery in its code says what that is")
	}
	return answer, nil
}
