package jetstream

import (
	"context"
	"sync"
	"sync/atomic"
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
	// readerStall is how long no message may come while the stream has more, and readerBurst after how many messages it may be that nothing
	// more is asked for.
	readerStall = time.Second
	readerBurst = readAhead / 2
)

// reader delivers a stream's messages in order through an ordered consumer, which the client library makes anew whenever a message is
// missed, the server restarts or the connection is lost: nothing is skipped and nothing comes twice. It needs no acknowledgements: what was
// handled is purged, and after a crash the reading begins with what is left.
//
// On a busy machine the library may forget to ask for more: it asks when half of what it has asked for has come, but not while the last
// request is being sent, and if the rest comes in that time, nothing comes any more that would have it look again. It notices after two
// heartbeats that were not heard. Each message says how many are left, so the reader notices after a second, and begins anew.
type reader struct {
	s              *Store
	stream, filter string
	handle         func(protocol.Delivery)

	current atomic.Pointer[feed] // nil once the reader has been stopped

	mu    sync.Mutex  // held while handle runs; guards the rest
	next  uint64      // the sequence to go on with
	more  bool        // the stream had more when the last message was sent
	burst int         // messages since the reader was last quiet
	heard time.Time   // when the last one was handled
	watch *time.Timer // runs while there is more, or was much
}

// feed is what is told through one consumer.
type feed struct {
	consumer natsjs.Consumer
	context  natsjs.ConsumeContext
}

// read delivers a stream's messages after a sequence until stop is called, which returns once no handler runs.
func (s *Store) read(
	ctx context.Context, stream, filter string, after uint64, handle func(protocol.Delivery),
) (stop func(), err error) {
	r := &reader{s: s, stream: stream, filter: filter, handle: handle, next: after + 1}
	r.mu.Lock()
	defer r.mu.Unlock()
	now, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	r.current.Store(now)
	r.watch = time.AfterFunc(readerStall, r.look)
	return r.stop, nil
}

// open makes a consumer that goes on where the reader is. The lock is held, so no message is handled before it counts.
func (r *reader) open(ctx context.Context) (*feed, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	consumer, err := r.s.js.OrderedConsumer(ctx, r.stream, readsFrom(r.filter, r.next))
	if err != nil {
		return nil, wrap(err)
	}
	now := &feed{consumer: consumer}
	now.context, err = consumer.Consume(func(m natsjs.Msg) { r.receive(now, m) },
		natsjs.PullMaxMessages(readAhead), natsjs.PullExpiry(readerExpiry), natsjs.PullHeartbeat(readerHeartbeat))
	return now, wrap(err)
}

func (r *reader) receive(by *feed, m natsjs.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	meta, err := m.Metadata()
	if r.current.Load() != by || err != nil {
		return
	}
	r.handle(protocol.Delivery{
		Seq: meta.Sequence.Stream, Time: meta.Timestamp, Subject: m.Subject(), Header: m.Headers(), Data: m.Data(),
	})
	r.next, r.heard, r.burst = meta.Sequence.Stream+1, time.Now(), r.burst+1
	before := r.more
	if r.more = meta.NumPending > 0; r.more && !before || r.burst == readerBurst {
		r.watch.Reset(readerStall)
	}
}

// look begins anew when nothing comes, though there is more, or nothing more was asked for.
func (r *reader) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.current.Load()
	if now == nil {
		return
	}
	if left := readerStall - time.Since(r.heard); left > 0 {
		r.watch.Reset(left)
		return
	}
	if r.more || r.burst >= readerBurst && now.silent() {
		r.restart(now)
	}
	r.burst = 0
}

// silent reports whether the server was asked for nothing.
func (f *feed) silent() bool {
	ctx, cancel := bounded(context.Background())
	defer cancel()
	info, err := f.consumer.Info(ctx)
	return err == nil && info.NumWaiting == 0
}

// restart reads through another consumer. If it cannot be made, the old one stays, and is looked at again.
func (r *reader) restart(old *feed) {
	now, err := r.open(context.Background())
	if err != nil {
		r.watch.Reset(readerStall)
		return
	}
	r.more = false                           // what was left may have been purged
	if !r.current.CompareAndSwap(old, now) { // stopped meanwhile
		now.context.Stop()
		return
	}
	old.context.Stop()
	ctx, cancel := bounded(context.Background())
	defer cancel()
	_ = r.s.js.DeleteConsumer(ctx, r.stream, old.consumer.CachedInfo().Name) // else it goes by itself
}

func (r *reader) stop() {
	if last := r.current.Swap(nil); last != nil {
		last.context.Stop()
	}
	r.mu.Lock() // waits for a handler that runs
	defer r.mu.Unlock()
	r.watch.Stop()
}
