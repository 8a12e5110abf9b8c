package bench

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// Subjects and streams of the floor.
const (
	echoSubject = "bench.echo"
	joinSubject = "bench.join" // asks the far end to consume a stream
)

// serveFar is the far end of the floor's messages: it answers requests, and consumes what it is asked to, each message acknowledged by
// the handler and its arrival told on the subject that the message names.
func serveFar(nc *nats.Conn) (stop func(), err error) {
	js, err := natsjs.New(nc)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var stops []func()
	echo, err := nc.QueueSubscribe(echoSubject, "far", func(m *nats.Msg) { _ = m.Respond(m.Data) })
	if err != nil {
		return nil, err
	}
	join, err := nc.QueueSubscribe(joinSubject, "far", func(m *nats.Msg) {
		ending, err := consume(js, nc, string(m.Data))
		if err != nil {
			_ = m.Respond([]byte(err.Error()))
			return
		}
		mu.Lock()
		stops = append(stops, ending)
		mu.Unlock()
		_ = m.Respond(nil)
	})
	if err != nil {
		return nil, err
	}
	return func() {
		_, _ = echo.Unsubscribe(), join.Unsubscribe()
		mu.Lock()
		defer mu.Unlock()
		for _, f := range stops {
			f()
		}
	}, nc.Flush()
}

// atOnce is how many messages the far end asks for. While the library (nats.go 1.55) is busy asking for more, it does not notice that more
// are needed. If all that it had asked for come in that time it waits for half a minute. With its 500 that happened in most measurements of
// two streams.
const atOnce = 1 << 14

// consume takes messages of a stream until stop is called, and tells how long each took. A hop is over when the broker has confirmed the
// acknowledgement: until then it may deliver the message again. None waits for the confirmation of another. The time of a message's publish
// is in its header: near and far are on one machine, and so have one clock.
func consume(js natsjs.JetStream, nc *nats.Conn, stream string) (stop func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := js.CreateConsumer(ctx, stream, natsjs.ConsumerConfig{
		AckPolicy: natsjs.AckExplicitPolicy, InactiveThreshold: time.Minute, MaxAckPending: -1,
	})
	if err != nil {
		return nil, err
	}
	consuming, err := c.Consume(func(m natsjs.Msg) { go conclude(nc, m) }, natsjs.PullMaxMessages(atOnce))
	if err != nil {
		return nil, err
	}
	return consuming.Stop, nil
}

// conclude acknowledges a message and tells how long its hop took. Of one whose acknowledgement is not confirmed nobody hears, and the
// measurement fails.
func conclude(nc *nats.Conn, m natsjs.Msg) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	sent, err := strconv.ParseInt(m.Headers().Get(headerSent), 10, 64)
	if err != nil || m.DoubleAck(ctx) != nil {
		return
	}
	took := time.Now().UnixNano() - sent
	_ = nc.Publish(m.Headers().Get(headerTell), strconv.AppendInt(nil, took, 10))
}
