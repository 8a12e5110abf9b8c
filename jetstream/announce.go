package jetstream

import (
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// Reply sends a verdict to the subject that asked for it.
func (s *Store) Reply(subject string, v protocol.Verdict) error { return s.answerJSON(subject, &v) }

// Closed announces the end of a run to whoever listens right now.
func (s *Store) Closed(o protocol.Outcome) error { return s.core(s.ns.Closed(o.Run), &o) }

// WatchClosed delivers the announcement of a run's end, until stop is called. An announcement is not stored: whoever must not
// miss the end asks for the result as well.
func (s *Store) WatchClosed(run string) (outcome <-chan protocol.Outcome, stop func(), err error) {
	ch := make(chan protocol.Outcome, 1)
	sub, err := s.nc.Subscribe(s.ns.Closed(run), func(m *nats.Msg) {
		var o protocol.Outcome
		if decode(m.Data, &o) {
			select {
			case ch <- o:
			default:
			}
		}
	})
	if err != nil {
		return nil, nil, wrap(err)
	}
	// No flush: what the caller publishes next on this connection reaches the server after the subscription.
	return ch, func() { _ = sub.Unsubscribe() }, nil
}

// WatchOwn is WatchClosed for a run of the caller's own making. All runs of a [protocol.RunFamily] share a subscription, which lasts as
// long as the connection: one for each run would have to be told to every server of a cluster, twice for each start, and makes a server
// look up all of its subjects anew.
func (s *Store) WatchOwn(run string) (outcome <-chan protocol.Outcome, stop func(), err error) {
	w := &s.closings
	w.mu.Lock()
	defer w.mu.Unlock()
	family := protocol.RunFamily(run)
	if !w.families[family] {
		if _, err := s.nc.Subscribe(s.ns.AllClosed(family), w.deliver); err != nil {
			return nil, nil, wrap(err)
		}
		w.families[family] = true
	}
	ch := make(chan protocol.Outcome, 1)
	w.waiting[run] = ch
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.waiting, run)
	}, nil
}

// closings hand the announced ends of runs to whoever waits for them.
type closings struct {
	mu       sync.Mutex
	families map[string]bool // that are subscribed to
	waiting  map[string]chan<- protocol.Outcome
}

func (c *closings) deliver(m *nats.Msg) {
	var o protocol.Outcome
	if !decode(m.Data, &o) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case c.waiting[o.Run] <- o:
	default:
	}
}
