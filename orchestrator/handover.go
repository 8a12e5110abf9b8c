package orchestrator

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// handedFor is how long an attempt that a worker was handed may take before somebody durable watches over it.
const handedFor = time.Second

// handovers are the attempts of a shard that workers got without the queue, because they answered the step that scheduled them and had
// a slot free. Most are over before anybody could have written them down: a task costs three messages, and this one costs one that is
// not stored. What keeps them from being lost:
//
//  1. the record says which attempts were handed to whom, and it is not finished before each of them is over or watched: a node that
//     finds it unfinished asks that worker, and dispatches what the worker does not have;
//  2. an attempt that takes longer than [handedFor], or longer than until the workflow's next record, is watched: a wake-up in the timers
//     stream, in the place of a retry, comes every 5 s and has the worker asked. So only the last record of a workflow can be unfinished.
type handovers struct {
	send  func(queue, worker string, h protocol.HandOver) error
	watch func(workflow string, tasks []protocol.ActivityTask) error // returns once they are watched, or the shard has ended
	after func(time.Duration, func())

	mu    sync.Mutex
	by    map[string][]*handed // workflow
	armed bool
}

// handed is an attempt that nobody but this node watches over.
type handed struct {
	task  protocol.ActivityTask
	since time.Time
	over  func()
	// settling is made when somebody begins to write the watch, or to end the attempt, and closed when that is done or will not be.
	settling chan struct{}
}

// give hands attempts to the worker that takes them, with what it needs to foresee the step that follows, if it can. over is called once
// for each attempt, when it is over or watched.
func (h *handovers) give(tasks []protocol.ActivityTask, next *protocol.Foresight, over func()) {
	if len(tasks) == 0 {
		return
	}
	h.mu.Lock()
	id, now := tasks[0].Workflow, time.Now()
	for _, task := range tasks {
		h.by[id] = append(h.by[id], &handed{task: task, since: now, over: over})
	}
	if !h.armed {
		h.armed = true
		h.after(handedFor, h.sweep)
	}
	h.mu.Unlock()
	// Should it not arrive, the watch finds out.
	_ = h.send(tasks[0].Queue, tasks[0].HandedTo, protocol.HandOver{Tasks: tasks, Next: next})
}

// claim keeps the attempts that a step ends from being watched while its effects are performed, until release is called. A watch lies where
// a retry does: written after the retry, it would be all that is left of it.
func (h *handovers) claim(workflow string, ready machine.Ready) (release func()) {
	var mine []*handed
	var theirs []chan struct{}
	h.mu.Lock()
	for _, it := range h.by[workflow] {
		switch {
		case !ready.Ends(it.task.Run, it.task.ScheduledID):
		case it.settling != nil:
			theirs = append(theirs, it.settling)
		default:
			it.settling = make(chan struct{})
			mine = append(mine, it)
		}
	}
	h.mu.Unlock()
	for _, written := range theirs {
		<-written
	}
	return func() {
		for _, it := range mine {
			close(it.settling)
		}
	}
}

// end forgets the attempts of a workflow that a step leaves nothing to watch over.
func (h *handovers) end(workflow string, ready machine.Ready) {
	h.remove(workflow, func(it *handed) bool { return ready.Ends(it.task.Run, it.task.ScheduledID) })
}

func (h *handovers) remove(workflow string, which func(*handed) bool) {
	h.mu.Lock()
	var gone, left []*handed
	for _, it := range h.by[workflow] {
		if which(it) {
			gone = append(gone, it)
		} else {
			left = append(left, it)
		}
	}
	if h.by[workflow] = left; len(left) == 0 {
		delete(h.by, workflow)
	}
	h.mu.Unlock()
	for _, it := range gone {
		it.over()
	}
}

// settle has every attempt of a workflow watched that the next step does not end.
func (h *handovers) settle(workflow string, next machine.Ready) error {
	return h.settleThose(workflow, func(it *handed) bool { return !next.Ends(it.task.Run, it.task.ScheduledID) })
}

func (h *handovers) settleThose(workflow string, which func(*handed) bool) error {
	h.mu.Lock()
	var mine, theirs []*handed
	for _, it := range h.by[workflow] {
		switch {
		case !which(it):
		case it.settling != nil:
			theirs = append(theirs, it)
		default:
			it.settling = make(chan struct{})
			mine = append(mine, it)
		}
	}
	h.mu.Unlock()
	var err error
	if len(mine) > 0 {
		tasks := make([]protocol.ActivityTask, len(mine))
		for i, it := range mine {
			tasks[i] = it.task
		}
		if err = h.watch(workflow, tasks); err == nil {
			h.remove(workflow, func(it *handed) bool { return slices.Contains(mine, it) })
		}
		for _, it := range mine {
			close(it.settling)
		}
	}
	for _, it := range theirs {
		<-it.settling
	}
	return err
}

// sweep has every attempt watched that has taken long.
func (h *handovers) sweep() {
	old := time.Now().Add(-handedFor)
	late := h.workflows(func(all []*handed) bool {
		return slices.ContainsFunc(all, func(it *handed) bool { return it.since.Before(old) })
	})
	for _, id := range late {
		if h.settleThose(id, func(it *handed) bool { return it.since.Before(old) }) != nil {
			return
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.armed = len(h.by) > 0; h.armed {
		h.after(handedFor, h.sweep)
	}
}

// workflows are those of whose attempts something holds, in order: what the node does should not depend on that of a map.
func (h *handovers) workflows(which func([]*handed) bool) (ids []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, all := range h.by {
		if which(all) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// settleAll has every attempt watched: the shard is handed over.
func (h *handovers) settleAll() {
	for _, id := range h.workflows(func([]*handed) bool { return true }) {
		if h.settleThose(id, func(*handed) bool { return true }) != nil {
			return
		}
	}
}

// split tells the attempts to hand over from those for the queue.
func split(tasks []protocol.ActivityTask) (toHand, queued []protocol.ActivityTask) {
	for _, task := range tasks {
		if task.HandedTo != "" {
			toHand = append(toHand, task)
		} else {
			queued = append(queued, task)
		}
	}
	return toHand, queued
}

// countdown returns a function that calls f the nth time it is called.
func countdown(n int, f func()) func() {
	if n <= 1 {
		return f
	}
	var left atomic.Int64
	left.Store(int64(n))
	return func() {
		if left.Add(-1) == 0 {
			f()
		}
	}
}

// watches is the wake-up of attempts that were handed over, as the retries that they look like in the timers stream.
func (s *shard) watches(tasks []protocol.ActivityTask) []machine.Retry {
	at := machine.Watched(s.time.now())
	retries := make([]machine.Retry, len(tasks))
	for i, task := range tasks {
		retries[i] = machine.Retry{Task: task, At: at}
	}
	return retries
}

// lookAfter asks the worker that was handed an attempt whether it still has it, when the attempt's watch wakes up. If not, the workflow
// hears of it, as of a retry whose time has come.
func (s *shard) lookAfter(it item, task protocol.ActivityTask) {
	s.aside(func() {
		has, err := s.stillHas(task)
		if err != nil {
			return
		}
		if !has {
			s.strays.add(task)
		}
		it.watch = has // its workflow watches on: a step may arm the retry of the same attempt right now, in the same place
		s.route(it)
	})
}

// watchOn is the watch of the attempts that are still with their workers, unless a step has ended them meanwhile. Those that are to stop
// are told so once more: the word is not stored, and a worker whose connection was being made anew has not heard it.
func (a *actor) watchOn(batch []item) []machine.Retry {
	var tasks []protocol.ActivityTask
	for _, it := range batch {
		if wake, ok := it.input.Body.(protocol.TimerInput); ok && it.watch && a.w.Awaits(*wake.Task) {
			tasks = append(tasks, *wake.Task)
		}
	}
	a.announce(machine.Effects{Cancels: a.w.Stops(tasks)})
	return a.shard.watches(tasks)
}

func (s *shard) stillHas(task protocol.ActivityTask) (has bool, err error) {
	err = s.persist("ask for an attempt that was handed over", func(ctx context.Context) error {
		has, err = s.store.StillHas(ctx, task)
		return err
	})
	return has, err
}

// refind finds out which attempts their workers still have, of a record whose writer may have died before it handed them over. Those are
// watched; the others go to the queue.
func (a *actor) refind(fx *machine.Effects) (watched []machine.Retry, err error) {
	lost, queued := split(fx.Activities)
	var held []protocol.ActivityTask
	for _, task := range lost {
		has, err := a.shard.stillHas(task)
		if err != nil {
			return nil, err
		}
		if has {
			held = append(held, task)
		} else {
			a.shard.strays.add(task)
			task.HandedTo = ""
			queued = append(queued, task)
		}
	}
	fx.Activities = queued
	return a.shard.watches(held), nil
}
