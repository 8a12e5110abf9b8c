package jetstream

import (
	"context"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// call sends a request to the JetStream API and reports why it was refused.
func (s *Store) call(ctx context.Context, api string, in any) error {
	var answer struct {
		Error *natsjs.APIError `json:"error"`
	}
	if err := s.ask(ctx, api, in, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return wrap(answer.Error)
	}
	return nil
}

// ask is call for what answers with more than an error.
func (s *Store) ask(ctx context.Context, api string, in, out any) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	req, err := protocol.Marshal(in)
	if err != nil {
		return err
	}
	ctx, done := s.allowed(ctx, s.api(api))
	reply, err := s.nc.RequestWithContext(ctx, s.api(api), req)
	if err := done(err); err != nil {
		return wrap(err)
	}
	return wrap(protocol.Unmarshal(reply.Data, out))
}
