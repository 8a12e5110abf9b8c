package jetstream_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

func TestRequestIsAnsweredByAnEndpoint(t *testing.T) {
	t.Parallel()
	w := start(t)
	stop, err := w.ServeAPI("1.0.0", map[string]jetstream.Endpoint{
		"echo":   func(_ context.Context, data []byte) (any, error) { return map[string]string{"said": string(data)}, nil },
		"refuse": func(context.Context, []byte) (any, error) { return nil, protocol.ErrNotFound },
		"break":  func(context.Context, []byte) (any, error) { return nil, errors.New("oops") },
		"list":   func(context.Context, []byte) (any, error) { return []int{1}, nil },
	})
	must(t, err)
	client := w.other(t)
	var out struct{ Said string }
	must(t, client.Request(t.Context(), "echo", "hi", &out))
	if out.Said != `"hi"` {
		t.Errorf(`the endpoint got %s, want "hi"`, out.Said)
	}
	wantCode(t, client.Request(t.Context(), "refuse", nil, &out), protocol.CodeNotFound)
	wantCode(t, client.Request(t.Context(), "break", nil, &out), protocol.CodeInternal)
	wantCode(t, client.Request(t.Context(), "list", nil, &out), protocol.CodeUnsupported)
	stop()
	must(t, w.Conn().FlushTimeout(patience)) // the subscriptions end in the background
	wantCode(t, client.Request(t.Context(), "echo", "hi", &out), protocol.CodeNoOrchestrator)
}

// A node that is killed with a request in its hands says nothing: another one is asked soon, and not when the asker's time is over.
func TestRequestOfANodeThatDies(t *testing.T) {
	t.Parallel()
	w := start(t)
	asked := 0
	sub, err := w.Conn().Subscribe(protocol.DefaultNamespace.API("echo"), func(m *nats.Msg) {
		if asked++; asked > 1 {
			_ = m.Respond([]byte(`{"said":"hello"}`))
		}
	})
	must(t, err)
	defer sub.Unsubscribe() //nolint:errcheck // the connection ends with the test
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	begun := time.Now()
	var out struct{ Said string }
	must(t, w.other(t).Request(ctx, "echo", nil, &out))
	if out.Said != "hello" || time.Since(begun) > 30*time.Second {
		t.Errorf("got %q after %s", out.Said, time.Since(begun))
	}
}

// A request belongs to the service again once its handler has returned, so an answer that comes later must not touch it. The race detector
// sees whether it does.
func TestRefusalsThatComeLater(t *testing.T) {
	t.Parallel()
	w := start(t)
	stop, err := w.ServeAPI("1.0.0", map[string]jetstream.Endpoint{
		"refuse": func(context.Context, []byte) (any, error) { return nil, protocol.ErrNotFound },
	})
	must(t, err)
	defer stop()
	client := w.other(t)
	var askers sync.WaitGroup
	for range 8 {
		askers.Go(func() {
			for range 100 {
				wantCode(t, client.Request(t.Context(), "refuse", nil, nil), protocol.CodeNotFound)
			}
		})
	}
	askers.Wait()
}

func TestAnswerThatDoesNotFit(t *testing.T) {
	t.Parallel()
	w := start(t)
	stop, err := w.ServeAPI("1.0.0", map[string]jetstream.Endpoint{
		"much": func(context.Context, []byte) (any, error) { return strings.Repeat("x", w.MaxMessage()), nil },
	})
	must(t, err)
	defer stop()
	wantCode(t, w.Request(t.Context(), "much", nil, nil), protocol.CodeTooLarge)
}

// A node that stops waits for its requests, and tells them to end.
func TestStopOfTheAPIEndsItsRequests(t *testing.T) {
	t.Parallel()
	w := start(t)
	begun, ended := make(chan struct{}), make(chan struct{})
	stop, err := w.ServeAPI("1.0.0", map[string]jetstream.Endpoint{
		"wait": func(ctx context.Context, _ []byte) (any, error) {
			close(begun)
			<-ctx.Done()
			close(ended)
			return nil, ctx.Err()
		},
	})
	must(t, err)
	must(t, w.Conn().PublishRequest(ns.API("wait"), "_INBOX.nobody", nil))
	next(t, begun, "the request")
	stop()
	select {
	case <-ended:
	default:
		t.Error("stop did not wait for the request")
	}
}
