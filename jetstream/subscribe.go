package jetstream

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// drainTimeout is how long it may take until the server has heard that a subscription ends.
const drainTimeout = time.Second

// subscribe is a core subscription, alone or in a queue group. It is known to the server when subscribe returns.
func (s *Store) subscribe(subject, group string, handle func(*nats.Msg)) (stop func(), err error) {
	sub, err := s.subscription(subject, group, handle)
	if err != nil {
		return nil, err
	}
	// An error here says that the connection is closed, which ends the subscription as well.
	return func() { _ = sub.Unsubscribe() }, nil
}

// subscribeToAll is subscribe for messages none of which may be dropped: those that are on their way when it is stopped are handled.
func (s *Store) subscribeToAll(subject string, handle func(*nats.Msg)) (stop func(), err error) {
	sub, err := s.subscription(subject, "", handle)
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(ended) })
	return func() {
		if s.nc.IsConnected() && sub.Drain() == nil {
			select {
			case <-ended:
				return
			case <-time.After(drainTimeout):
			}
		}
		_ = sub.Unsubscribe()
	}, nil
}

func (s *Store) subscription(subject, group string, handle func(*nats.Msg)) (*nats.Subscription, error) {
	sub, err := s.nc.QueueSubscribe(subject, group, handle)
	if err != nil {
		return nil, wrap(err)
	}
	if err = s.flush(); err == nil {
		err = s.refused("Subscription", subject)
	}
	if err != nil {
		_ = sub.Unsubscribe()
		return nil, err
	}
	return sub, nil
}

// refused is the server's word about something that has just reached it, if it did not want it. A subject that ends with a dot stands for
// all that begin with it.
func (s *Store) refused(what, subject string) error {
	verb, of, ok := refusal(s.nc.LastError())
	if w := (wait{subjects: []string{subject}}); ok && verb == what && w.is(of) {
		return unauthorized(verb, of)
	}
	return nil
}

// flush waits until the server has seen what this connection has sent. (FlushTimeout would do the same with a timer from a pool
// that all connections of the process share, which a bubble of virtual time must not touch.)
func (s *Store) flush() error {
	ctx, cancel := context.WithTimeout(context.Background(), defaultTimeout)
	defer cancel()
	return wrap(s.nc.FlushWithContext(ctx))
}

// decode reads a message that is not stored. One that cannot be read is dropped: nobody waits for it.
func decode(data []byte, out any) bool { return protocol.Unmarshal(data, out) == nil }
