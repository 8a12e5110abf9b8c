package orchestrator

import (
	"maps"
	"slices"
	"sync"

	"github.com/millrace-dev/millrace/protocol"
)

// listen hears what is sent to the shard's owner directly, from now on: what was sent before and is not heard yet never will be.
func (s *shard) listen() error {
	s.stopListening()
	stop, err := s.store.Directs(s.id, s.receiveDirect)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.deaf = stop
	s.mu.Unlock()
	return nil
}

func (s *shard) stopListening() {
	s.mu.Lock()
	stop := s.deaf
	s.deaf = nil
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// receiveDirect takes an input that did not come through the inbox, or refuses it; then the sender tells the inbox. It is refused
// when it would overtake something that lies in the inbox, when it must lie there itself, and when the shard has enough to do: a backlog
// waits in the stream.
func (s *shard) receiveDirect(d protocol.Delivery, after uint64) (taken bool) {
	if !s.pulse.sure() {
		return false
	}
	if kind, _, err := s.ns.ParseInput(d.Subject); err != nil || kind != protocol.KindResult {
		after = max(after, s.backlog) // a result has no order with what others sent, and its run should not wait for a backlog
	}
	if !s.inbox.reached(after) || !s.begin() {
		return false
	}
	d.Time = s.time.now()
	in, err := s.input(d)
	if err != nil {
		go func() {
			defer s.end()
			s.bury(d, in, err, func() {})
		}()
		return true
	}
	defer s.end()
	if protocol.NeedsInbox(in.Body) {
		return false
	}
	if starts(in) {
		if why := s.gate.refusal(s.id); why != nil {
			return s.refuse(in, d, why)
		}
	}
	return s.takeDirect(in, d)
}

func (s *shard) takeDirect(in protocol.Input, d protocol.Delivery) (taken bool) {
	if !s.work.try(starts(in), len(d.Data)) {
		return false
	}
	number, size := s.senders.add(d.Reply), len(d.Data)
	done := func() {
		s.work.leave(size)
		s.senders.remove(number)
	}
	if !s.route(item{input: in, delivery: d, done: done}) {
		done()
		return false
	}
	return true
}

// senders are those who wait for what becomes of an input that came directly, by number. If this node loses the shard before the input is
// part of history, they need not wait for their patience to end.
type senders struct {
	mu      sync.Mutex
	last    uint64
	replies map[uint64]string
}

func (s *senders) add(reply string) (number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replies == nil {
		s.replies = make(map[uint64]string)
	}
	s.last++
	s.replies[s.last] = reply
	return s.last
}

func (s *senders) remove(number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.replies, number)
}

// all takes all of them, in the order in which they came.
func (s *senders) all() (replies []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, number := range slices.Sorted(maps.Keys(s.replies)) {
		replies = append(replies, s.replies[number])
	}
	s.replies = nil
	return replies
}

// refuseSenders has those who still wait tell the inbox.
func (s *shard) refuseSenders() {
	for _, reply := range s.senders.all() {
		s.store.RefuseDirect(reply)
	}
}

// refuse answers a start for which there is no room. One that is about a run that is there is taken nevertheless: a request that comes
// again, or the signal or update of a signal-with-start or update-with-start.
func (s *shard) refuse(in protocol.Input, d protocol.Delivery, why *protocol.Error) (taken bool) {
	s.mu.Lock()
	_, known := s.actors[in.Workflow]
	s.mu.Unlock()
	if known {
		return s.takeDirect(in, d)
	}
	start, _ := in.Body.(protocol.StartInput)
	if start.Signal == nil && start.Update == nil {
		s.reply(d.Reply, protocol.Verdict{ID: in.Workflow, Error: why})
		return true
	}
	if !s.begin() {
		return false
	}
	s.store.Go(func() {
		defer s.end()
		w, _, err := loadRun(s.ctx, s.store, s.id, in.Workflow)
		if err == nil && (w.Run == nil || !w.Run.Open()) {
			s.reply(d.Reply, protocol.Verdict{ID: in.Workflow, Error: why})
		} else if !s.takeDirect(in, d) { // what is wrong with its history, the step finds out
			s.store.RefuseDirect(d.Reply)
		}
	})
	return true
}
