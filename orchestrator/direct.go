package orchestrator

import (
	"context"

	"github.com/millrace-dev/millrace/protocol"
)

// receiveDirect takes an input that did not come through the inbox, or refuses it; then the sender tells the inbox. It is refused
// when it would overtake something that lies in the inbox, when it must lie there itself, and when the shard has enough to do: a backlog
// waits in the stream.
func (s *shard) receiveDirect(d protocol.Delivery, after uint64) (taken bool) {
	if !s.inbox.reached(max(after, s.backlog)) || !s.begin() {
		return false
	}
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
	select {
	case s.slots <- struct{}{}:
	default:
		return false
	}
	// If this node loses the shard before the input is part of history, the sender need not wait for its patience to end.
	answered := context.AfterFunc(s.ctx, func() { s.store.RefuseDirect(d.Reply) })
	done := func() {
		<-s.slots
		answered()
	}
	if !s.route(item{input: in, delivery: d, done: done}) {
		done()
		return false
	}
	return true
}
