package jetstream

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// readAhead is how many messages of a stream may wait in memory for their handler, whatever their size: no more than keep a handler
	// busy that is a millisecond away.
	readAhead = 128
	// readerExpiry is how long one request for messages stands.
	readerExpiry = 10 * time.Minute
	// readerPatience is how long a new consumer may take to be made before another is asked for.
	readerPatience = 2 * time.Second
	// readerPause is how long nothing is done after that, should the next one fail as well.
	readerPause = 100 * time.Millisecond
	// readerIdle is how long a consumer outlives its reader, if it could not be removed.
	readerIdle = time.Minute
)

// reader delivers a stream's messages in order through a consumer of its own, and makes another one whenever a message is missed, the
// server falls silent or the connection was lost: nothing is skipped and nothing comes twice. It needs no acknowledgements: what was
// handled is purged, and after a crash the reading begins with what is left.
//
// The consumer lives on one of the stream's servers, so that it costs little, and is lost with it. For a while after its death the cluster
// may choose that very server for the next one, and then nobody answers: so a reader is not patient, and asks for another. The client
// library's ordered consumer waits ten seconds each time; shards stood still for a minute. It also forgets now and then to ask for more.
type reader struct {
	s              *Store
	stream, filter string
	handle         func(protocol.Delivery)

	cancel context.CancelFunc
	ended  chan struct{}
	lost   chan struct{} // a message was missed, or the consumer is gone

	mu       sync.Mutex // held while handle runs; guards the rest
	next     uint64     // the sequence to go on with
	sub      *nats.Subscription
	inbox    string // where messages come; empty while there is no consumer
	consumer string
	told     uint64    // messages, by the consumer
	credit   int       // messages that were asked for and did not come yet
	heard    time.Time // when the server last said anything
}

// read delivers a stream's messages after a sequence until stop is called, which returns once no handler runs.
func (s *Store) read(
	ctx context.Context, stream, filter string, after uint64, handle func(protocol.Delivery),
) (stop func(), err error) {
	r := &reader{
		s: s, stream: stream, filter: filter, handle: handle, next: after + 1,
		ended: make(chan struct{}), lost: make(chan struct{}, 1),
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	ctx, r.cancel = context.WithCancel(context.Background())
	go r.run(ctx)
	return r.stop, nil
}

// open makes a consumer that goes on where the reader is.
func (r *reader) open(ctx context.Context) error {
	cfg := r.close()
	if err := r.s.makeConsumer(ctx, r.stream, cfg); err != nil {
		return err
	}
	inbox := r.s.nc.NewInbox()
	sub, err := r.s.nc.Subscribe(inbox, func(m *nats.Msg) { r.receive(inbox, m) })
	if err != nil {
		return wrap(err)
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return wrap(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sub, r.inbox, r.consumer, r.told, r.credit, r.heard = sub, inbox, cfg.Name, 0, 0, time.Now()
	r.ask()
	return nil
}

// close leaves the consumer, and returns the next one: whatever the old one still says, that says again.
func (r *reader) close() natsjs.ConsumerConfig {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave()
	select {
	case <-r.lost:
	default:
	}
	cfg := natsjs.ConsumerConfig{
		Name: nuid.Next(), FilterSubject: r.filter, AckPolicy: natsjs.AckNonePolicy, DeliverPolicy: natsjs.DeliverAllPolicy,
		Replicas: 1, MemoryStorage: true, InactiveThreshold: readerIdle,
	}
	if r.next > 1 {
		cfg.DeliverPolicy, cfg.OptStartSeq = natsjs.DeliverByStartSequencePolicy, r.next
	}
	return cfg
}

// leave hears no more of the consumer. The lock is held.
func (r *reader) leave() {
	if r.inbox == "" {
		return
	}
	r.inbox = ""
	_ = r.sub.Unsubscribe() // fails only on a closed connection
	last := r.consumer
	go func() {
		ctx, cancel := bounded(context.Background())
		defer cancel()
		_ = r.s.js.DeleteConsumer(ctx, r.stream, last) // else it goes by itself
	}()
}

// run makes another consumer whenever that is necessary.
func (r *reader) run(ctx context.Context) {
	defer close(r.ended)
	back := r.s.nc.StatusChanged(nats.CONNECTED)
	defer r.s.nc.RemoveStatusListener(back)
	watch := time.NewTicker(r.s.heartbeat())
	defer watch.Stop()
	for {
		again := true
		select {
		case <-ctx.Done():
			return
		case <-back:
		case <-r.lost:
		case <-watch.C:
			again = r.silent()
		}
		for again && ctx.Err() == nil {
			again = r.reopen(ctx) != nil
			pause(ctx, readerPause)
		}
	}
}

func (r *reader) reopen(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readerPatience)
	defer cancel()
	return r.open(ctx)
}

func (r *reader) silent() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.s.fellSilent(r.heard)
}

// ask asks for more when half of what was asked for has come. The lock is held.
func (r *reader) ask() {
	n := readAhead - r.credit
	if n < readAhead/2 {
		return
	}
	req, err := protocol.Marshal(pullRequest{n, readerExpiry, r.s.heartbeat()})
	if err != nil {
		return
	}
	if err := r.s.nc.PublishRequest(r.s.api("CONSUMER.MSG.NEXT."+r.stream+"."+r.consumer), r.inbox, req); err == nil {
		r.credit += n
	} // else there is no connection: it will be back, or closed for good
}

// receive takes a message, or the server's word about a request for messages.
func (r *reader) receive(inbox string, m *nats.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if inbox != r.inbox {
		return
	}
	r.heard = time.Now()
	if m.Reply == "" || len(m.Data) == 0 && m.Header.Get("Status") != "" {
		r.status(m)
		return
	}
	meta, err := m.Metadata()
	if err != nil || meta.Sequence.Consumer != r.told+1 {
		r.miss()
		return
	}
	r.told, r.credit = r.told+1, r.credit-1
	if seq := meta.Sequence.Stream; seq >= r.next { // else it is known: a copy of the stream that lags begins with its own end
		r.handle(protocol.Delivery{Seq: seq, Time: meta.Timestamp, Subject: m.Subject, Header: m.Header, Data: m.Data})
		r.next = seq + 1
	}
	r.ask()
}

// status deals with a request that has ended. The lock is held.
func (r *reader) status(m *nats.Msg) {
	if m.Header.Get("Status") == "100" {
		return // a heartbeat
	}
	ended, err := strconv.Atoi(m.Header.Get("Nats-Pending-Messages"))
	if err != nil { // the consumer is gone, or nobody answers
		r.miss()
		return
	}
	r.credit = max(0, r.credit-ended)
	r.ask()
}

// miss leaves the consumer, and has another made. The lock is held.
func (r *reader) miss() {
	r.leave()
	select {
	case r.lost <- struct{}{}:
	default:
	}
}

func (r *reader) stop() {
	r.cancel()
	<-r.ended
	r.close()
}
