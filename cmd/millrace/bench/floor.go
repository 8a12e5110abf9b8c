package bench

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// Floor is what the broker's own messages cost.
type Floor struct {
	Request Stats `json:"core_request"`
	CAS     Stats `json:"cas_publish"`
	Hop     Stats `json:"durable_hop"`
}

// Hello is the floor of a hello workflow.
func (f Floor) Hello() time.Duration { return 3*f.Hop.P50 + 2*f.CAS.P50 + 2*f.Request.P50 }

// payload is about as large as the messages of a hello workflow.
var payload = make([]byte, 600)

// broker sends the floor's messages between two connections.
type broker struct {
	near    *nats.Conn
	js      natsjs.JetStream
	last    uint64
	arrived chan struct{}
}

// newBroker prepares a stream, a consumer and an echo; stop ends the last two.
func newBroker(ctx context.Context, near, far *nats.Conn) (b *broker, stop func(), err error) {
	b = &broker{near: near, arrived: make(chan struct{}, 1)}
	echo, err := far.Subscribe("bench.echo", func(m *nats.Msg) { _ = m.Respond(m.Data) })
	if err != nil {
		return nil, nil, err
	}
	if err := far.Flush(); err != nil {
		return nil, nil, err
	}
	if b.js, err = natsjs.New(near); err != nil {
		return nil, nil, err
	}
	cfg := natsjs.StreamConfig{Name: "BENCH_FLOOR", Subjects: []string{"bench.floor.>"}, Storage: natsjs.FileStorage}
	if _, err := b.js.CreateStream(ctx, cfg); err != nil {
		return nil, nil, err
	}
	there, err := natsjs.New(far)
	if err != nil {
		return nil, nil, err
	}
	consumer, err := there.CreateConsumer(ctx, cfg.Name, natsjs.ConsumerConfig{
		FilterSubject: "bench.floor.hop", AckPolicy: natsjs.AckExplicitPolicy, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return nil, nil, err
	}
	consuming, err := consumer.Consume(func(m natsjs.Msg) {
		_ = m.Ack()
		b.arrived <- struct{}{}
	})
	if err != nil {
		return nil, nil, err
	}
	return b, func() {
		consuming.Stop()
		_ = echo.Unsubscribe()
	}, nil
}

// request is a core request and its reply.
func (b *broker) request(ctx context.Context) error {
	_, err := b.near.RequestWithContext(ctx, "bench.echo", payload)
	return err
}

// publish is a compare-and-set publish and its acknowledgement.
func (b *broker) publish(ctx context.Context) error {
	ack, err := b.js.Publish(ctx, "bench.floor.cas", payload, natsjs.WithExpectLastSequencePerSubject(b.last))
	if err == nil {
		b.last = ack.Sequence
	}
	return err
}

// hop is a publish that is acknowledged, and its way to the other side's handler, which acknowledges in turn.
func (b *broker) hop(ctx context.Context) error {
	if _, err := b.js.Publish(ctx, "bench.floor.hop", payload); err != nil {
		return err
	}
	select {
	case <-b.arrived:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
