package jetstream

import (
	"context"
	"errors"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// KeepBlob makes the blob of a name one that was stored just now if it is older than age, so that it is not collected before long. One that
// is not there, or that nobody can read, is not an error.
func (s *Store) KeepBlob(ctx context.Context, name string, age time.Duration) error {
	for {
		o, err := s.object(ctx, name)
		if errors.Is(err, protocol.ErrCorrupt) || errors.Is(err, natsjs.ErrStreamNotFound) {
			return nil
		}
		if err != nil || o.gone() || time.Since(o.written) < age {
			return err
		}
		if err := s.describe(ctx, o.ObjectInfo, o.revision); !isConflict(err) {
			return err
		}
	}
}
