package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// Floor is what the broker's own messages cost, as medians.
type Floor struct {
	Request Stats `json:"core_request"`
	CAS     Stats `json:"cas_publish"`
	Hop     Stats `json:"durable_hop"`
}

// Hello is the floor of a hello workflow.
func (f Floor) Hello() time.Duration { return 3*f.Hop.P50 + 2*f.CAS.P50 + 2*f.Request.P50 }

// payload is about as large as the messages of a hello workflow.
var payload = make([]byte, 600)

// measureFloor measures n of each message between two connections, one after the other.
func measureFloor(ctx context.Context, near, far *nats.Conn, n int) (Floor, error) {
	var f Floor
	var err error
	if f.Request, err = measureRequest(ctx, near, far, n); err != nil {
		return f, fmt.Errorf("core request: %w", err)
	}
	js, err := natsjs.New(near)
	if err != nil {
		return f, err
	}
	cfg := natsjs.StreamConfig{Name: "BENCH_FLOOR", Subjects: []string{"bench.floor.>"}, Storage: natsjs.FileStorage}
	if _, err := js.CreateStream(ctx, cfg); err != nil {
		return f, err
	}
	defer js.DeleteStream(context.WithoutCancel(ctx), cfg.Name) //nolint:errcheck // the server goes away next
	if f.CAS, err = measureCAS(ctx, js, n); err != nil {
		return f, fmt.Errorf("compare-and-set publish: %w", err)
	}
	if f.Hop, err = measureHop(ctx, js, far, n); err != nil {
		return f, fmt.Errorf("durable hop: %w", err)
	}
	return f, nil
}

func measureRequest(ctx context.Context, near, far *nats.Conn, n int) (Stats, error) {
	sub, err := far.Subscribe("bench.echo", func(m *nats.Msg) { _ = m.Respond(m.Data) })
	if err != nil {
		return Stats{}, err
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection goes away next
	if err := far.Flush(); err != nil {
		return Stats{}, err
	}
	return repeat(n, func(int) error {
		_, err := near.RequestWithContext(ctx, "bench.echo", payload)
		return err
	})
}

func measureCAS(ctx context.Context, js natsjs.JetStream, n int) (Stats, error) {
	last := uint64(0)
	return repeat(n, func(int) error {
		ack, err := js.Publish(ctx, "bench.floor.cas", payload, natsjs.WithExpectLastSequencePerSubject(last))
		if err == nil {
			last = ack.Sequence
		}
		return err
	})
}

// measureHop measures from a publish to the other side's handler, with the publish acknowledged and the message
// acknowledged in turn.
func measureHop(ctx context.Context, js natsjs.JetStream, far *nats.Conn, n int) (Stats, error) {
	there, err := natsjs.New(far)
	if err != nil {
		return Stats{}, err
	}
	consumer, err := there.CreateConsumer(ctx, "BENCH_FLOOR", natsjs.ConsumerConfig{
		FilterSubject: "bench.floor.hop", AckPolicy: natsjs.AckExplicitPolicy, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return Stats{}, err
	}
	arrived := make(chan struct{}, 1)
	consuming, err := consumer.Consume(func(m natsjs.Msg) {
		_ = m.Ack()
		arrived <- struct{}{}
	})
	if err != nil {
		return Stats{}, err
	}
	defer consuming.Stop()
	return repeat(n, func(int) error {
		if _, err := js.Publish(ctx, "bench.floor.hop", payload); err != nil {
			return err
		}
		select {
		case <-arrived:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}
