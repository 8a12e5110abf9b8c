package jetstream

import (
	"encoding/json"

	"github.com/nats-io/nats.go"
)

// subscribe is a core subscription, alone or in a queue group. It is known to the server when subscribe returns.
func (s *Store) subscribe(subject, group string, handle func(*nats.Msg)) (stop func(), err error) {
	sub, err := s.nc.QueueSubscribe(subject, group, handle)
	if err != nil {
		return nil, wrap(err)
	}
	if err := s.nc.FlushTimeout(defaultTimeout); err != nil {
		_ = sub.Unsubscribe()
		return nil, wrap(err)
	}
	// An error here says that the connection is closed, which ends the subscription as well.
	return func() { _ = sub.Unsubscribe() }, nil
}

// decode reads a message that is not stored. One that cannot be read is dropped: nobody waits for it.
func decode(data []byte, out any) bool { return json.Unmarshal(data, out) == nil }
