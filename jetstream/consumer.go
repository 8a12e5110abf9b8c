package jetstream

import (
	"cmp"
	"context"

	natsjs "github.com/nats-io/nats.go/jetstream"
)

// makeConsumer makes a consumer, or makes sure that it is what it should be. Unlike the client library's own call it hears the leader of
// the stream also where another server says that there is none (see askLeader).
func (s *Store) makeConsumer(ctx context.Context, stream string, cfg natsjs.ConsumerConfig) error {
	call := "CONSUMER.CREATE." + stream + "." + cmp.Or(cfg.Name, cfg.Durable)
	if cfg.FilterSubject != "" {
		call += "." + cfg.FilterSubject
	}
	return s.insist(ctx, call, map[string]any{"stream_name": stream, "config": cfg})
}
