package jetstream

import (
	"context"
	"time"

	"github.com/nats-io/nuid"

	"github.com/millrace-dev/millrace/protocol"
)

// readyPatience is how long a worker waits for the step that it has said it can take.
const readyPatience = 10 * time.Second

// TellReady stores a worker's word that it can take a step in the workflow's inbox. heard must be called: it returns once the workflow has
// dealt with it, which is when the step has been taken, by whomever; or when until is closed, or nothing is heard for long.
//
// Each word is a new one. A worker that was busy when the step came is called for the same step again, and its next word, taken for a
// repetition of the first, would be nobody's: the step would wait for ever.
func (s *Store) TellReady(
	ctx context.Context, workflow string, ready protocol.WorkerReady,
) (heard func(until <-chan struct{}), err error) {
	verdicts, err := s.mux.open(1)
	if err != nil {
		return nil, err
	}
	if err := s.TellLate(ctx, workflow, ready, "ready-"+nuid.Next(), verdicts.to); err != nil {
		verdicts.close()
		return nil, err
	}
	return func(until <-chan struct{}) {
		defer verdicts.close()
		patience := time.NewTimer(readyPatience)
		defer patience.Stop()
		select {
		case <-verdicts.heard:
		case <-until:
		case <-patience.C:
		}
	}, nil
}
