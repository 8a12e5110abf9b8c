package orchestrator

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// forgetful is a store whose inboxes do not acknowledge the first message, and take the next ones of its ID for repetitions: as when the
// leader that had it has died, and its successor has the ID and not the message.
type forgetful struct {
	Store

	sent []string
}

func (f *forgetful) Send(_ string, _ protocol.InputBody, id string) Ack {
	f.sent = append(f.sent, id)
	return func(context.Context) error {
		switch {
		case len(f.sent) == 1:
			return protocol.ErrTimeout
		case id == f.sent[0]:
			return protocol.ErrRepeated
		}
		return nil
	}
}

// What another workflow is told is told under a new ID when nobody has acknowledged the first message. A repetition on purpose is not.
func TestToldOnceMore(t *testing.T) {
	t.Parallel()
	for fresh, want := range map[bool]int{true: 3, false: 2} {
		store := &forgetful{}
		s := newShard(t.Context(), 0, protocol.DefaultNamespace, store, newRows(store, slog.New(slog.DiscardHandler)),
			slog.New(slog.DiscardHandler), uuid.NewString)
		tell := machine.Tell{Workflow: "parent", ID: "child-1", Body: protocol.ChildInput{}}
		done := make(chan error, 1)
		go func() { done <- s.dispatch(machine.Effects{Tells: []machine.Tell{tell}}, nil, "child", fresh) }()
		select {
		case err := <-done:
			must(t, err)
		case <-time.After(10 * time.Second):
			t.Fatal("the effect was never performed")
		}
		if len(store.sent) != want || slices.ContainsFunc(store.sent[:2], func(id string) bool { return id != tell.ID }) ||
			want == 3 && !strings.HasPrefix(store.sent[2], tell.ID+"~") {
			t.Errorf("fresh %t: the messages were %q", fresh, store.sent)
		}
		s.rows.stop()
		s.drop()
	}
}

// One step that answers the same request twice tells the answer once.
func TestToldOnceAStep(t *testing.T) {
	t.Parallel()
	tell := machine.Tell{Workflow: "parent", ID: "answer-1", Body: protocol.AnswerInput{}}
	other := machine.Tell{Workflow: "parent", ID: "answer-2", Body: protocol.AnswerInput{}}
	store := &acknowledging{}
	s := newShard(t.Context(), 0, protocol.DefaultNamespace, store, newRows(store, slog.New(slog.DiscardHandler)),
		slog.New(slog.DiscardHandler), uuid.NewString)
	must(t, s.dispatch(machine.Effects{Tells: []machine.Tell{tell, other, tell}}, nil, "child", true))
	if want := []string{"answer-1", "answer-2"}; !slices.Equal(store.sent, want) {
		t.Errorf("the messages were %q, want %q", store.sent, want)
	}
	s.rows.stop()
	s.drop()
}

type acknowledging struct {
	Store

	sent []string
}

func (a *acknowledging) Send(_ string, _ protocol.InputBody, id string) Ack {
	a.sent = append(a.sent, id)
	return func(context.Context) error { return nil }
}
