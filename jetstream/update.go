package jetstream

import (
	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// Updated announces how far an update has come to whoever listens right now.
func (s *Store) Updated(v protocol.Verdict) error {
	return s.core(s.ns.Updated(v.ID, v.Update.ID), v)
}

// WatchUpdated delivers the announcements of an update, until stop is called. They are not stored: whoever must not miss one asks
// as well. Only the newest is kept for a reader that is slow.
func (s *Store) WatchUpdated(workflow, update string) (verdicts <-chan protocol.Verdict, stop func(), err error) {
	ch := make(chan protocol.Verdict, 1)
	sub, err := s.nc.Subscribe(s.ns.Updated(workflow, update), func(m *nats.Msg) {
		var v protocol.Verdict
		if !decode(m.Data, &v) {
			return
		}
		select {
		case <-ch:
		default:
		}
		ch <- v // nobody else sends
	})
	if err != nil {
		return nil, nil, wrap(err)
	}
	return ch, func() { _ = sub.Unsubscribe() }, nil
}
