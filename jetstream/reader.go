package jetstream

import (
	"context"
	"sync"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// readAhead is how many messages of a stream may wait in memory for their handler, whatever their size: no more than keep a handler
	// busy that is a millisecond away.
	readAhead = 128
	// readerHeartbeat is how often the server says that a quiet reader is still connected to its consumer; two missed ones
	// make the reader ask for a new one.
	readerHeartbeat = 10 * time.Second
	// readerExpiry is how long one request for messages stands.
	readerExpiry = 10 * time.Minute
)

// read delivers a stream's messages after a sequence in order through an ordered consumer, which the client library makes anew whenever a
// message is missed, the server restarts or the connection is lost: nothing is skipped and nothing comes twice.
// It needs no acknowledgements: what was handled is purged, and after a crash the reading begins with what is left.
func (s *Store) read(
	ctx context.Context, stream, filter string, after uint64, handle func(protocol.Delivery),
) (stop func(), err error) {
	create, cancel := bounded(ctx)
	defer cancel()
	consumer, err := s.js.OrderedConsumer(create, stream, readsFrom(filter, after+1))
	if err != nil {
		return nil, wrap(err)
	}
	var mu sync.Mutex
	stopped := false
	consuming, err := consumer.Consume(func(m natsjs.Msg) {
		mu.Lock()
		defer mu.Unlock()
		meta, err := m.Metadata()
		if stopped || err != nil {
			return
		}
		handle(protocol.Delivery{
			Seq: meta.Sequence.Stream, Time: meta.Timestamp, Subject: m.Subject(), Header: m.Headers(), Data: m.Data(),
		})
	}, natsjs.PullMaxMessages(readAhead), natsjs.PullExpiry(readerExpiry), natsjs.PullHeartbeat(readerHeartbeat))
	if err != nil {
		return nil, wrap(err)
	}
	return func() {
		consuming.Stop()
		mu.Lock() // waits for a handler that runs
		defer mu.Unlock()
		stopped = true
	}, nil
}
