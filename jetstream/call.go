package jetstream

import (
	"context"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// call sends a request to the JetStream API, once, and reports why it was refused.
func (s *Store) call(ctx context.Context, api string, in any) error {
	return refusedCall(s.send(ctx, api, in, s.nc.RequestWithContext))
}

// refusedCall is why the JetStream API refuses a request, or why it was not heard; nil when it does not.
func refusedCall(reply *nats.Msg, err error) error {
	if err != nil {
		return wrap(err)
	}
	var answer struct {
		Error *natsjs.APIError `json:"error"`
	}
	if err := protocol.Unmarshal(reply.Data, &answer); err != nil {
		return wrap(err)
	}
	if answer.Error != nil {
		return wrap(answer.Error)
	}
	return nil
}

// ask is call for what answers with more than an error.
func (s *Store) ask(ctx context.Context, api string, in, out any) error {
	reply, err := s.send(ctx, api, in, s.nc.RequestWithContext)
	if err != nil {
		return wrap(err)
	}
	return wrap(protocol.Unmarshal(reply.Data, out))
}

// requester is a way to send a request: once, or again when nothing is heard.
type requester func(ctx context.Context, subject string, data []byte) (*nats.Msg, error)

// send sends a request to the JetStream API.
func (s *Store) send(ctx context.Context, api string, in any, request requester) (*nats.Msg, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	req, err := protocol.Marshal(in)
	if err != nil {
		return nil, err
	}
	ctx, done := s.allowed(ctx, s.api(api))
	reply, err := request(ctx, s.api(api), req)
	return reply, done(err)
}
