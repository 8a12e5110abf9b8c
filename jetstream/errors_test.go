package jetstream_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// What NATS says has to reach people with a code and a hint, and programs with its cause.
func TestErrorsOfNATSHaveACodeAndAHint(t *testing.T) {
	t.Parallel()
	w := start(t)
	expired, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	closed := w.other(t)
	closed.Conn().Close()
	for name, c := range map[string]struct {
		err   error
		code  protocol.Code
		cause error
	}{
		"time is up": {w.Tell(expired, "wf", protocol.SignalInput{}, "1", ""), protocol.CodeTimeout, context.DeadlineExceeded},
		"no connection": {
			closed.Tell(t.Context(), "wf", protocol.SignalInput{}, "1", ""), protocol.CodeUnavailable, nats.ErrConnectionClosed,
		},
	} {
		wantCode(t, c.err, c.code)
		if !errors.Is(c.err, c.cause) {
			t.Errorf("%s: %v hides its cause, %v", name, c.err, c.cause)
		}
		if protocol.AsError(c.err).Hint == "" {
			t.Errorf("%s: %v has no hint", name, c.err)
		}
	}
}

func TestCancelledCallIsNoErrorOfNATS(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Tell(ctx, "wf", protocol.SignalInput{}, "1", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context was canceled", err)
	}
}
