package jetstream

import (
	"cmp"
	"context"
	"errors"
	"strconv"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

const (
	// rangeBatch is how many messages are asked for at once.
	rangeBatch = 256
	// rangeBytes is the size at which the server ends a batch early. Without, it sends up to 64 MB, which is more than the
	// client library keeps for a reader that is slower than the server.
	rangeBytes = 2 << 20
)

// batch gets some messages of a stream from a sequence on, from whichever copy answers, and returns where the next batch begins: 0 when
// that copy has none, or no more is wanted. Its deadline is its own: who reads much takes as many batches as it takes.
func (s *Store) batch(
	ctx context.Context, stream, filter string, from uint64, take func(*natsjs.RawStreamMsg) bool,
) (next uint64, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	messages, err := jetstreamext.GetBatch(ctx, s.js, stream, rangeBatch,
		jetstreamext.GetBatchMaxBytes(rangeBytes), jetstreamext.GetBatchSeq(from), jetstreamext.GetBatchSubject(filter))
	if err != nil {
		return 0, wrap(err)
	}
	var last uint64
	for m, err := range messages {
		switch {
		case errors.Is(err, jetstreamext.ErrNoMessages):
			return 0, nil
		case err != nil:
			return 0, wrap(err)
		case !follows(m.Header, last):
			return max(from, last+1), nil
		case !take(m):
			return 0, nil
		}
		last = m.Sequence
	}
	if last == 0 {
		// Silence: the library ends a batch without a word when time is up. It must not look like the end.
		return 0, wrap(cmp.Or(ctx.Err(), nats.ErrTimeout))
	}
	return last + 1, nil
}

// follows reports whether a message of a batch comes right after the one at a sequence; zero is before the first. Each names the one before
// it, because an answer whose middle went down with a connection goes on over the next connection. Who took what comes then for the next
// record would quarantine a workflow that is in the best of health.
func follows(h nats.Header, last uint64) bool {
	before := h.Get(natsjs.LastSequenceHeader)
	return before == "" || before == strconv.FormatUint(last, 10)
}
