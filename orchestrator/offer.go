package orchestrator

import (
	"context"
	"errors"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// patience is how long a worker that has taken a step may give no sign of life. A worker that works sends one every
	// 500 ms.
	patience = 2 * time.Second
	// groupTries is how many workers of the queue are asked when they are busy.
	groupTries = 3
	// inlineHistory is the most bytes of events that a workflow task carries; a longer history is fetched by the worker.
	inlineHistory = 512 << 10
)

// ask offers the workflow task: first to the worker whose cache holds the run, then to anyone on the queue. The answer is a
// worker's; nil with an error of code timeout says that a worker took the task and fell silent, nil with any other that
// nobody took it.
func (t *taking) ask(ctx context.Context) (*protocol.WorkflowTaskAnswer, error) {
	task := t.turn.Task(t.shard.time.now())
	t.cached = false
	if worker := t.turn.Worker(); worker != "" {
		answer, err := t.askWorker(ctx, worker, task)
		if answer != nil {
			return answer, err
		}
	}
	whole, err := t.wholeTask(ctx, task)
	if err != nil {
		return nil, err
	}
	for range groupTries {
		answer, err := t.shard.store.Offer(ctx, "", whole, patience)
		if err != nil || answer.Refusal == "" {
			return answer, err
		}
	}
	return nil, protocol.ErrNoWorker
}

// askWorker offers the task to one worker: the new events only if its cache holds the run, else, or when it says that the
// cache does not, the whole history. Whatever goes wrong here is settled by asking the others.
func (t *taking) askWorker(ctx context.Context, worker string, task *protocol.WorkflowTask) (*protocol.WorkflowTaskAnswer, error) {
	cached := task.Base != "" && !t.whole && t.w.Run != nil && worker == t.w.Run.Worker
	if cached {
		answer, err := t.offerTo(ctx, worker, t.brief(task))
		if t.cached = answer != nil && answer.Refusal == ""; t.cached || answer == nil {
			return answer, err
		}
		if answer.Refusal != protocol.RefusalCacheMiss {
			return nil, protocol.ErrNoWorker
		}
	}
	whole, err := t.wholeTask(ctx, task)
	if err != nil {
		return nil, err
	}
	answer, err := t.offerTo(ctx, worker, whole)
	if answer != nil && answer.Refusal != "" {
		return nil, protocol.ErrNoWorker
	}
	return answer, err
}

// keeping is what a worker keeps of the step that it took: the commands of its answer. The zero value says that it keeps nothing.
type keeping struct {
	nonce    string
	commands int
}

// brief is the task without the events that the worker made itself. A step that asks for a hundred activities is followed by one that ends
// a few of them, and most of that one's task would be the hundred.
func (t *taking) brief(task *protocol.WorkflowTask) *protocol.WorkflowTask {
	made := t.kept.commands + 1
	if t.kept.nonce == "" || t.kept.nonce != task.Base || len(task.Events) <= made {
		return task
	}
	if _, ok := task.Events[0].Attributes.(protocol.WorkflowTaskCompleted); !ok {
		return task
	}
	brief := *task
	brief.Recorded, brief.Events = task.Events[made-1].ID, task.Events[made:]
	return &brief
}

// offerTo offers the task to one worker, and takes note if that worker is gone.
func (t *taking) offerTo(ctx context.Context, worker string, task *protocol.WorkflowTask) (*protocol.WorkflowTaskAnswer, error) {
	answer, err := t.shard.store.Offer(ctx, worker, task, patience)
	if errors.Is(err, protocol.ErrNoWorker) && task.Queue == t.turn.Queue() { // else it may only be of another version
		t.shard.after(0, func() {
			if err := t.shard.store.PruneWorker(t.shard.ctx, task.Queue, worker); err != nil {
				t.shard.log.Debug("a worker that is gone could not be removed from the list", "worker", worker, "error", err)
			}
		})
	}
	return answer, err
}

// wholeTask is the task with the run's history from its first event, or, when that is too much for a message, with a note
// that the worker must fetch what is recorded.
func (t *taking) wholeTask(ctx context.Context, task *protocol.WorkflowTask) (*protocol.WorkflowTask, error) {
	whole := *task
	whole.Last, whole.Base, whole.After = task.Base, "", 0
	if recorded := t.w.Run; recorded != nil && recorded.ID() == task.Run && recorded.Size > inlineHistory {
		omit(&whole, recorded.LastEvent)
		return &whole, nil
	}
	if task.After > 0 {
		before, err := loadEvents(ctx, t.shard.store, t.shard.id, t.id, task.Run, task.After)
		if err != nil {
			return nil, err
		}
		whole.Events = append(before, task.Events...)
	}
	return &whole, nil
}

// omit leaves the events up to one that is recorded out of a task with a whole history.
func omit(task *protocol.WorkflowTask, recorded int64) {
	task.Omitted = recorded
	for len(task.Events) > 0 && task.Events[0].ID <= recorded {
		task.Events = task.Events[1:]
	}
}
