package replay_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
)

// A look that fails is recorded like one that succeeds: a replay gives the same error, and the value of before stays.
func TestMutableSideEffectThatFails(t *testing.T) {
	t.Parallel()
	looks := 0
	look := func() (protocol.Payload, error) {
		looks++
		if looks%2 == 0 {
			return protocol.Payload{}, errors.New("blind")
		}
		return protocol.Payload{Data: []byte("1")}, nil
	}
	w := replaytest.New(func(env *replay.Env, _ protocol.Payload) (protocol.Payload, error) {
		var saw strings.Builder
		for range 3 {
			p, err := env.MutableSideEffect("eye", look, protocol.Payload.Equal)
			if err != nil {
				saw.WriteString("!")
			}
			saw.Write(p.Data)
		}
		return protocol.Encode(saw.String())
	})
	defer w.Close()
	w.Start(nil)
	if a := w.Step(); a.Failure != nil {
		t.Fatal(a.Failure)
	}
	last := w.History[len(w.History)-1].Attributes
	if c, ok := last.(protocol.WorkflowExecutionCompleted); !ok || c.Result.String() != `"1!1"` {
		t.Errorf("the run ended with %+v, want 1!1", last)
	}
	if a := w.Replay(); a.Failure != nil {
		t.Errorf("the history does not replay: %v", a.Failure)
	}
	if looks != 3 {
		t.Errorf("it looked %d times, want 3", looks)
	}
}
