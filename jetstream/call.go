package jetstream

import (
	"context"
	"encoding/json"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// call sends a request to the JetStream API and decodes the answer into out, unless that is nil.
func (s *Store) call(ctx context.Context, api string, in, out any) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	req, err := protocol.Marshal(in)
	if err != nil {
		return err
	}
	reply, err := s.nc.RequestWithContext(ctx, s.api(api), req)
	if err != nil {
		return wrap(err)
	}
	var failed struct {
		Error *natsjs.APIError `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &failed); err != nil {
		return wrap(err)
	}
	if failed.Error != nil {
		return wrap(failed.Error)
	}
	if out == nil {
		return nil
	}
	return wrap(json.Unmarshal(reply.Data, out))
}
