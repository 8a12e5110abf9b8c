package worker

import (
	"context"
	"sync"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// maxTakes is how many of a step's activities the worker takes itself. The others go to the queue, where idle workers find them.
	maxTakes = 4
	// promiseFor is how long a slot waits for the attempt that it was promised to. The step may not be recorded after all.
	promiseFor = 2 * time.Second
)

// hands are the activities that come without the queue: the worker says with the answer to a step which ones it takes, and is given
// them when the step is recorded. Each has a slot from the promise on.
type hands struct {
	slots Puller // nil when the worker runs no activities

	mu       sync.Mutex
	promised map[promise]time.Time
	held     map[execKey]int // the number of the attempt, until it was reported
	refused  recalls         // attempts of which it was said that they are not here
	armed    bool
}

// promise names an activity that is not scheduled yet.
type promise struct{ run, activity string }

// promise takes slots for the first activities of a step that this worker can run, and returns their IDs.
func (w *Worker) promise(run string, commands []protocol.Command) (takes []string) {
	h := &w.hands
	if h.slots == nil {
		return nil
	}
	for _, c := range commands {
		a, ok := c.Attributes.(protocol.ScheduleActivityTask)
		if !ok || a.Queue != "" && a.Queue != w.queue || a.ScheduleToStart > 0 {
			continue
		}
		if _, known := w.registry.activity(a.ActivityType); !known {
			continue
		}
		if len(takes) == maxTakes || !h.promise(run, a.ActivityID) {
			break
		}
		takes = append(takes, a.ActivityID)
	}
	return takes
}

// promise takes a slot for an activity, unless it has one: the step may have been taken before, and not been recorded.
func (h *hands) promise(run, activity string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := promise{run, activity}
	if _, has := h.promised[p]; !has && !h.slots.Take() {
		return false
	}
	h.promised[p] = time.Now().Add(promiseFor)
	h.arm()
	return true
}

// arm has a look taken at the promises soon. The lock is held.
func (h *hands) arm() {
	if !h.armed && len(h.promised) > 0 {
		h.armed = true
		time.AfterFunc(promiseFor, h.expire)
	}
}

// expire frees the slots whose attempts did not come.
func (h *hands) expire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for p, until := range h.promised {
		if !until.After(now) {
			delete(h.promised, p)
			h.slots.Give()
		}
	}
	h.armed = false
	h.arm()
}

// hold notes that an attempt has come. It reports false when there is no slot for it: the promise was too long ago.
func (h *hands) hold(t *protocol.ActivityTask) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, key := promise{t.Run, t.ActivityID}, execKey{t.Run, t.ScheduledID}
	if _, has := h.held[key]; has || h.refused.has(key, t.Number()) {
		return false // it came twice, or too late
	}
	if _, ok := h.promised[p]; ok {
		delete(h.promised, p)
	} else if !h.slots.Take() {
		return false
	}
	h.held[key] = t.Number()
	return true
}

func (h *hands) release(t *protocol.ActivityTask) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.held, execKey{t.Run, t.ScheduledID})
	h.slots.Give()
}

// takeOver begins the attempts that the worker was given. One that it does not begin is missed when its orchestrator asks for it.
func (w *Worker) takeOver(ctx context.Context, given protocol.HandOver) {
	var next *foresight
	if given.Next != nil && len(given.Tasks) == 1 {
		next = &foresight{Foresight: *given.Next, came: time.Now()}
	}
	for i := range given.Tasks {
		t := &given.Tasks[i]
		if w.hands.hold(t) {
			w.attempts.Add(1)
			w.store.Go(func() {
				defer w.attempts.Done()
				defer w.hands.release(t)
				defer w.settled(t)
				w.conclude(ctx, t, 0, next)
			})
		}
	}
}

// stillHas tells which attempts the worker was handed and has not reported. It will not begin the others, should they be on their way.
func (w *Worker) stillHas(run string, attempts []protocol.ActivityAttempt) (held []protocol.ActivityAttempt) {
	h := &w.hands
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range attempts {
		key := execKey{run, a.ScheduledID}
		if number, has := h.held[key]; has && number == a.Number {
			held = append(held, a)
		} else {
			h.refused.add(key, a.Number)
		}
	}
	return held
}
