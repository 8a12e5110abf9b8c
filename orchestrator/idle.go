package orchestrator

import (
	"time"

	"github.com/millrace-dev/millrace/orchestrator/machine"
)

const (
	// maxIdle is the most workflows of a shard that are kept in memory while nothing happens to them.
	maxIdle = 1000
	// idleFor is how long each is kept. To read it again costs less than a millisecond, which is nothing to a run that sleeps for longer;
	// but the attempts of a step that fails are counted in memory.
	idleFor = machine.MaxTaskBackoff + 5*time.Second
)

// idle are the workflows of a shard that are kept in memory, the one that fell asleep first at the front. One that woke up meanwhile is
// listed again when it falls asleep. The shard's lock guards it.
type idle struct {
	naps  []nap
	armed bool // somebody will look at them
}

type nap struct {
	actor *actor
	since time.Time
}

// sleep notes that an actor has nothing to do, unless something arrived just now. A workflow whose run has ended is
// forgotten at once, since most are never heard of again; of the others, the ones that have slept longest.
func (s *shard) sleep(a *actor) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(a.queue)+len(a.watches) > 0 && s.ctx.Err() == nil {
		return false
	}
	a.awake = false
	if a.w == nil || !a.w.Run.Open() {
		delete(s.actors, a.id)
		a.w, a.last = nil, nil // its earlier naps still name it
		return true
	}
	a.naps++
	s.idle.naps = append(s.idle.naps, nap{a, time.Now()})
	s.evict()
	return true
}

// evict forgets workflows that have slept long enough. The lock is held.
func (s *shard) evict() {
	now := time.Now()
	for len(s.idle.naps) > 0 {
		first := s.idle.naps[0]
		if left := first.since.Add(idleFor).Sub(now); left > 0 && len(s.idle.naps) <= maxIdle {
			s.evictLater(left)
			return
		}
		s.idle.naps[0] = nap{} // the array lives on
		s.idle.naps = s.idle.naps[1:]
		a := first.actor
		if a.naps--; a.naps == 0 && !a.awake && s.actors[a.id] == a {
			delete(s.actors, a.id)
		}
	}
	s.idle.naps = nil
}

// evictLater has somebody look at the sleepers again.
func (s *shard) evictLater(wait time.Duration) {
	if s.idle.armed {
		return
	}
	s.idle.armed = true
	s.after(wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.idle.armed = false
		s.evict()
	})
}
