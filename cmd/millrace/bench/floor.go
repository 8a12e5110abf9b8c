package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// Headers of the floor's messages.
const (
	headerSent = "Sent" // when it was published, in nanoseconds
	headerTell = "Tell" // the subject on which its arrival is told
)

// Floor is what the broker's own messages cost.
type Floor struct {
	// Request is a core request and its reply, CAS a compare-and-set publish and its acknowledgement, Hop the way of a stored message
	// to the other side's handler, until its acknowledgement is confirmed.
	Request, CAS, Hop Stats
	// Hops and Publishes are how many of these the broker manages per second, over as many streams as there are shards, in its best
	// round; UsualHops in the middle one.
	Hops, Publishes, UsualHops float64
}

// bare is what a workload is made of: messages that it cannot do without, one after the other, and that so many times.
type bare struct{ hops, publishes, requests, times int }

var (
	bareHello = bare{hops: 3, publishes: 2, requests: 2, times: 1}
	// bareChain is a chain of activities.
	bareChain = bare{hops: 2, publishes: 1, requests: 1, times: chainLength}
	// bareStep is a step that somebody waits for: a signal, an update, a workflow with a local activity.
	bareStep  = bare{hops: 1, publishes: 1, requests: 1, times: 1}
	bareQuery = bare{requests: 1, times: 1}
)

// of is the sum of the medians of these messages.
func (f Floor) of(b bare) time.Duration {
	once := time.Duration(b.hops)*f.Hop.P50 + time.Duration(b.publishes)*f.CAS.P50 + time.Duration(b.requests)*f.Request.P50
	return time.Duration(b.times) * once
}

// payload is about as large as the messages of a hello workflow.
var payload = make([]byte, 600)

// broker sends the floor's messages. The far end is in the worker's process.
type broker struct {
	near    *nats.Conn
	js      natsjs.JetStream
	streams int
	last    uint64
	tell    string
	arrived chan *nats.Msg
	sub     *nats.Subscription
}

// probes are the broker's own messages, to be timed in turns with what is made of them; read takes the figures out of them.
func (b *broker) probes() []*probe {
	return []*probe{
		{name: "core request", once: b.request}, {name: "compare-and-set publish", once: b.publish}, {name: "durable hop", once: b.hop},
	}
}

func (f *Floor) read(probes []*probe) {
	f.Request, f.CAS, f.Hop = statsOf(probes[0].series), statsOf(probes[1].series), statsOf(probes[2].series)
}

// newBroker prepares the streams and has the far end consume them.
func newBroker(ctx context.Context, near *nats.Conn, streams, replicas int) (*broker, error) {
	js, err := natsjs.New(near, natsjs.WithPublishAsyncMaxPending(2*window))
	if err != nil {
		return nil, err
	}
	b := &broker{near: near, js: js, streams: streams, tell: near.NewInbox(), arrived: make(chan *nats.Msg, backlog)}
	for i := range streams + 1 {
		// The last one is for the compare-and-set, which nobody consumes.
		cfg := natsjs.StreamConfig{Name: b.stream(i), Subjects: []string{b.subject(i)}, Storage: natsjs.FileStorage, Replicas: replicas}
		if _, err := js.CreateStream(ctx, cfg); err != nil {
			return nil, err
		}
		if i == streams {
			break
		}
		answer, err := near.RequestWithContext(ctx, joinSubject, []byte(cfg.Name))
		if err != nil {
			return nil, err
		}
		if len(answer.Data) > 0 {
			return nil, errors.New(string(answer.Data))
		}
	}
	b.sub, err = near.ChanSubscribe(b.tell, b.arrived)
	return b, err
}

func (b *broker) stream(i int) string  { return "BENCH_" + strconv.Itoa(i) }
func (b *broker) subject(i int) string { return "bench.floor." + strconv.Itoa(i) }

// request is a core request and its reply.
func (b *broker) request(ctx context.Context) (time.Duration, error) {
	return timed(func() error {
		_, err := b.near.RequestWithContext(ctx, echoSubject, payload)
		return err
	})
}

// publish is a compare-and-set publish and its acknowledgement.
func (b *broker) publish(ctx context.Context) (time.Duration, error) {
	return timed(func() error {
		ack, err := b.js.Publish(ctx, b.subject(b.streams), payload, natsjs.WithExpectLastSequencePerSubject(b.last))
		if err == nil {
			b.last = ack.Sequence
		}
		return err
	})
}

func (b *broker) msg(i int) *nats.Msg {
	return &nats.Msg{Subject: b.subject(i % b.streams), Data: payload, Header: nats.Header{
		headerTell: {b.tell}, headerSent: {strconv.FormatInt(time.Now().UnixNano(), 10)},
	}}
}

// hop is a publish that is acknowledged, its way to the other side's handler, and the handler's acknowledgement until that is confirmed.
// The way back of the news is not counted.
func (b *broker) hop(ctx context.Context) (time.Duration, error) {
	if _, err := b.js.PublishMsg(ctx, b.msg(0)); err != nil {
		return 0, err
	}
	select {
	case m := <-b.arrived:
		ns, err := strconv.ParseInt(string(m.Data), 10, 64)
		return time.Duration(ns), err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// backlog is how many messages may have arrived before somebody counts them.
const backlog = 1 << 16

// window is how many publishes are under way while the broker's rate is measured.
const window = 512

// rateFor is how long a rate is measured at least, for each workflow of a load: about as long as the engine takes for it, so that both
// meet as much of whatever else the machine does.
const rateFor = 250 * time.Microsecond

// rates measures how many hops and publishes per second the broker manages when many are under way: as many as a load of hellos is held
// to, and that again and again.
func (b *broker) rates(ctx context.Context, load int) (hops, publishes float64, err error) {
	n, atLeast := min(messagesOfHello*load, backlog), time.Duration(load)*rateFor
	var arriving, publishing time.Duration
	total := 0
	for ; arriving < atLeast; total += n {
		a, p, err := b.rush(ctx, n)
		if err != nil {
			return 0, 0, err
		}
		arriving, publishing = arriving+a, publishing+p
	}
	return float64(total) / arriving.Seconds(), float64(total) / publishing.Seconds(), nil
}

// rush is how long n messages take to arrive, and to be acknowledged.
func (b *broker) rush(ctx context.Context, n int) (arriving, publishing time.Duration, err error) {
	start := time.Now()
	acks := make([]natsjs.PubAckFuture, n)
	for i := range n + window {
		if i >= window {
			select {
			case <-acks[i-window].Ok():
			case err := <-acks[i-window].Err():
				return 0, 0, err
			case <-ctx.Done():
				return 0, 0, ctx.Err()
			}
		}
		if i < n {
			if acks[i], err = b.js.PublishMsgAsync(b.msg(i)); err != nil {
				return 0, 0, err
			}
		}
	}
	publishing = time.Since(start)
	for range n {
		select {
		case <-b.arrived:
		case <-ctx.Done():
			return 0, 0, fmt.Errorf("not every hop arrived: %w", ctx.Err())
		}
	}
	return time.Since(start), publishing, nil
}

// timed is how long f takes.
func timed(f func() error) (time.Duration, error) {
	start := time.Now()
	err := f()
	return time.Since(start), err
}
