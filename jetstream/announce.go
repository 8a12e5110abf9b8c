package jetstream

import (
	"context"
	"maps"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// Reply sends a verdict to the subject that asked for it.
func (s *Store) Reply(subject string, v protocol.Verdict) error { return s.core(subject, v) }

// Closed announces the end of a run to whoever listens right now.
func (s *Store) Closed(o protocol.Outcome) error { return s.core(s.ns.Closed(o.Run), o) }

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

// DeadLetter stores a message that could not be decoded or applied, as it was but for the server's headers, with its subject
// and the reason.
func (s *Store) DeadLetter(ctx context.Context, d protocol.Delivery, reason error) error {
	header := nats.Header(maps.Clone(d.Header))
	if header == nil {
		header = nats.Header{}
	}
	// The server's own headers told it once what to do with the message. Here they could make it refuse the message, and the
	// same message may be buried again.
	maps.DeleteFunc(header, func(name string, _ []string) bool { return strings.HasPrefix(name, "Nats-") })
	header.Set(protocol.HeaderFrom, d.Subject)
	header.Set(protocol.HeaderWhy, reason.Error())
	ctx, cancel := bounded(ctx)
	defer cancel()
	_, err := s.js.PublishMsg(ctx, &nats.Msg{Subject: s.ns.Dead(deadSource(d.Subject)), Header: header, Data: d.Data})
	return wrap(err)
}

// deadSource is the last token of a dead letter's subject: the original subject's shape, without its free parts.
func deadSource(subject string) string { return protocol.Token(subject) }
