package activity_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
)

// An activity is a function: its author tests it by calling it.
func TestOutsideOfAnActivityNothingHarmfulHappens(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	if err := activity.Heartbeat(ctx, "half"); err != nil {
		t.Errorf("a heartbeat is answered %v", err)
	}
	if d, ok, err := activity.HeartbeatDetails[int](ctx); d != 0 || ok || err != nil {
		t.Errorf("the last heartbeat is %d, %t, %v", d, ok, err)
	}
	if d := activity.Info(ctx); d.Attempt != 0 || d.Type != "" {
		t.Errorf("the activity is %s", d)
	}
	if activity.Logger(ctx) != slog.Default() {
		t.Error("the logger is not the default one")
	}
	bored := errors.New("bored")
	cancel(bored)
	if err := activity.Heartbeat(ctx, "half"); !errors.Is(err, bored) {
		t.Errorf("after the end of its context a heartbeat is answered %v", err)
	}
}

func TestBlobsNeedAnActivity(t *testing.T) {
	t.Parallel()
	_, openErr := activity.OpenBlob(t.Context(), protocol.Blob{Name: "b"})
	_, putErr := activity.PutBlob(t.Context(), strings.NewReader("data"))
	for name, err := range map[string]error{"activity.OpenBlob": openErr, "activity.PutBlob": putErr} {
		e, ok := errors.AsType[*protocol.Error](err)
		if !ok || e.Code != protocol.CodeBadRequest || !strings.Contains(e.Message, name) || !strings.Contains(e.Hint, "context") {
			t.Errorf("%s: got %+v", name, err)
		}
	}
}

func TestHeartbeatHandsOverWhatCanBeReadAgain(t *testing.T) {
	t.Parallel()
	var last *protocol.Payload
	ctx := activity.With(t.Context(), &activity.Env{
		Heartbeat:     func(p protocol.Payload) error { last = &p; return nil },
		LastHeartbeat: func(context.Context) (*protocol.Payload, error) { return last, nil },
	})
	if d, ok, err := activity.HeartbeatDetails[[]int](ctx); d != nil || ok || err != nil {
		t.Errorf("before the first heartbeat: %v, %t, %v", d, ok, err)
	}
	if err := activity.Heartbeat(ctx, []int{1, 2}); err != nil {
		t.Fatal(err)
	}
	if d, ok, err := activity.HeartbeatDetails[[]int](ctx); len(d) != 2 || !ok || err != nil {
		t.Errorf("after it: %v, %t, %v", d, ok, err)
	}
	if _, ok, err := activity.HeartbeatDetails[int](ctx); !ok || protocol.AsError(err).Code != protocol.CodeBadPayload {
		t.Errorf("read as another type: %t, %v", ok, err)
	}
	if err := activity.Heartbeat(ctx, func() {}); protocol.AsError(err).Code != protocol.CodeBadPayload {
		t.Errorf("a report that cannot be encoded is answered %v", err)
	}
}
