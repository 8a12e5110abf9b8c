package machine

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// An answer with commands without end fails its step, and names the limit.
func TestTooManyCommands(t *testing.T) {
	t.Parallel()
	w := New(workflowID)
	if !fold(w, []byte("["+begunEvents+"]")) {
		t.Fatal("the history cannot be read")
	}
	turn := w.Begin(nil, "n-2", midnight.Add(time.Hour))
	turn.wanted = true
	turn.Task(midnight.Add(time.Hour))
	answer := &protocol.WorkflowTaskAnswer{Worker: "w"}
	for i := range protocol.MaxCommands + 1 {
		answer.Commands = append(answer.Commands, protocol.Command{Attributes: protocol.StartTimer{TimerID: strconv.Itoa(i)}})
	}
	ready := turn.Answer(answer, midnight.Add(time.Hour))
	if ready.TaskRetry == nil || ready.TaskRetry.Failure.Cause != protocol.CauseBadCommand ||
		!strings.Contains(ready.TaskRetry.Failure.Failure.Message, "50000 are allowed") {
		t.Errorf("the step came to %+v", ready.TaskRetry)
	}
}

// A run ID or an update ID that is too long for a subject is refused, in words.
func TestLongIDs(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", protocol.MaxTokenLength+1)
	start := protocol.StartInput{Type: "t", Queue: "q", Run: long}
	if err := ValidateStart(start); protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeBadRequest {
		t.Errorf("a long run ID: %v", err)
	}
	start.Run, start.Update = "run", &protocol.UpdateInput{UpdateCall: protocol.UpdateCall{UpdateID: long, Name: "u"}}
	if err := ValidateStart(start); protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeBadRequest {
		t.Errorf("a long update ID: %v", err)
	}
}
