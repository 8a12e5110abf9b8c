package jetstream

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// Appending is how a record gets onto its workflow's subject. It is exported for this repository's simulation; there is no promise of
// compatibility.
//
// What the server answers decides, and it must be read with care:
//
//   - an acknowledgement: stored.
//   - 10071, the sequence is another: somebody else was first, or this very record was stored by an earlier try whose
//     acknowledgement got lost. The last record tells: it is mine if it is the same to the byte. Its nonce alone does not tell, because
//     two nodes can write the same step that a worker foresaw.
//   - 10164, a write to the subject is in flight: on a replicated stream a single writer meets it right after its own
//     write. It says nothing about the outcome; ask again.
//   - silence: the record may be stored or not. Read the last record from the leader before anything else.
//
// A loop that took 10164 for a conflict would decide steps twice; one that took silence for failure would report a step
// as not taken that was.
type Appending struct {
	// Try publishes the record once, with the expected sequence.
	Try func(context.Context) (uint64, error)
	// Last reads the subject's last record from the stream's leader.
	Last func(context.Context) (protocol.Entry, error)
}

// Append tries until it knows what became of the record, whose bytes are data. expect is the last sequence that Try expects.
func (a Appending) Append(ctx context.Context, data []byte, expect uint64) (uint64, error) {
	pause := time.Millisecond
	for {
		seq, err := a.Try(ctx)
		switch {
		case err == nil:
			return seq, nil
		case errors.Is(err, nats.ErrMaxPayload):
			return 0, wrap(err)
		case hasCode(err, codeInFlight): // ask again below
		case hasCode(err, codeWrongLastSequence), again(err):
			seq, settled, err := a.settle(ctx, data, expect)
			if settled || err != nil {
				return seq, err
			}
		default:
			return 0, wrap(err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return 0, wrap(ctx.Err())
		}
		pause = min(2*pause, 100*time.Millisecond)
	}
}

// settle finds out what became of an append: it is the last record (settled), another one is (a conflict), or the subject is
// as it was (neither: try again).
func (a Appending) settle(ctx context.Context, data []byte, expect uint64) (seq uint64, settled bool, err error) {
	last, err := a.Last(ctx)
	switch {
	case err != nil && again(err):
		return 0, false, nil
	case err != nil:
		return 0, false, wrap(err)
	case bytes.Equal(last.Data, data):
		return last.Seq, true, nil
	case last.Seq != expect:
		return 0, true, protocol.Errorf(protocol.CodeConflict, "another node wrote record %d first", last.Seq)
	}
	return 0, false, nil
}
