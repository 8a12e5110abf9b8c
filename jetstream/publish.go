package jetstream

import (
	"context"
	"errors"
	"strings"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// publish starts a write and returns how to wait for it.
func (s *Store) publish(m *nats.Msg, opts ...natsjs.PublishOpt) func(context.Context) error {
	future, err := s.js.PublishMsgAsync(m, opts...)
	if err != nil {
		return func(context.Context) error { return wrap(err) }
	}
	return func(ctx context.Context) error {
		select {
		case ack := <-future.Ok():
			if ack.Duplicate {
				return protocol.ErrRepeated
			}
			return nil
		case err := <-future.Err():
			return wrap(err)
		case <-ctx.Done():
			return wrap(ctx.Err())
		}
	}
}

// publishJSON is publish with a body.
func (s *Store) publishJSON(subject string, header nats.Header, body any) func(context.Context) error {
	data, err := protocol.Marshal(body)
	if err != nil {
		return func(context.Context) error { return err }
	}
	return s.publish(&nats.Msg{Subject: subject, Header: header, Data: data})
}

// waiting reports whether a publish was refused because its subject holds a message already.
func waiting(err error) bool {
	return hasCode(err, codeStoreFailed) && strings.Contains(err.Error(), maxPerSubject)
}

// maxPerSubject is how the server says so: a full disk has the same code.
const maxPerSubject = "maximum messages per subject exceeded"

// core sends a message that is not stored.
func (s *Store) core(subject string, body any) error {
	data, err := protocol.Marshal(body)
	if err != nil {
		return err
	}
	return wrap(s.nc.Publish(subject, data))
}

// again reports whether a request that failed this way may simply be sent again.
func again(err error) bool {
	return errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrDisconnected) ||
		errors.Is(err, nats.ErrConnectionReconnecting) || errors.Is(err, natsjs.ErrNoStreamResponse)
}
