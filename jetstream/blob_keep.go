package jetstream

import (
	"context"
	"errors"

	"github.com/millrace-dev/millrace/protocol"
)

// KeepBlob makes the blob of a name one that was stored just now, so that it is not collected before long. One that is not there, or that
// nobody can read, is not an error.
func (s *Store) KeepBlob(ctx context.Context, name string) error {
	for {
		o, err := s.object(ctx, name)
		if errors.Is(err, protocol.ErrCorrupt) || err == nil && o.gone() {
			return nil
		}
		if err == nil {
			err = s.describe(ctx, o.ObjectInfo, o.revision)
		}
		if !isConflict(err) {
			return err
		}
	}
}
