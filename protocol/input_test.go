package protocol_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

var inputs = []protocol.InputBody{
	protocol.StartInput{Type: "shop.Checkout", Queue: "orders", Input: ada, Run: runID},
	protocol.SignalInput{Name: "paid", Input: receipt},
	protocol.CancelInput{Reason: "sold out"},
	protocol.TerminateInput{Details: raw},
	protocol.DeleteInput{Run: runID},
	protocol.ActivityStarted{ScheduledID: 5, Attempt: 1, Async: true},
	protocol.UpdateInput{UpdateCall: approval},
	protocol.PauseInput{Resume: true},
	protocol.ActivityInput{Activity: "1", Action: protocol.ActivityReset, KeepPaused: true},
	protocol.ResetInput{Event: 7, DropSignals: true},
	protocol.ActivityResult{Run: runID, ScheduledID: 5, Attempt: 1, Failure: declined},
	protocol.WorkerReady{Run: runID, ScheduledID: 2, Worker: "w1"},
	protocol.AnswerInput{Run: runID, Event: 5, Verdict: protocol.Verdict{Error: refused}},
	protocol.ChildInput{Run: runID, InitiatedID: 5, Outcome: protocol.Outcome{Status: protocol.StatusCompleted, Result: receipt}},
	protocol.TimerInput{Task: &protocol.ActivityTask{Run: runID, Attempt: 2}},
}

func TestDecodeInput(t *testing.T) {
	t.Parallel()
	for _, in := range inputs {
		data, err := protocol.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		kind := in.InputKind()
		back, err := protocol.DecodeInput(kind, data)
		if err != nil || back.InputKind() != kind {
			t.Errorf("a %s is read as %T, %v", kind, back, err)
		}
		if empty, err := protocol.DecodeInput(kind, nil); err != nil || empty.InputKind() != kind {
			t.Errorf("an empty %s is read as %T, %v", kind, empty, err)
		}
		if _, err := protocol.DecodeInput(kind, []byte("[1]")); protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeBadRequest {
			t.Errorf("a broken %s reports %v", kind, err)
		}
	}
	if _, err := protocol.DecodeInput("dance", nil); protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeUnsupported {
		t.Errorf("an unknown kind reports %v", err)
	}
}

// TestUnknownKinds: what is not understood must never be skipped.
func TestUnknownKinds(t *testing.T) {
	t.Parallel()
	for _, v := range []any{new(protocol.Event), new(protocol.Command)} {
		err := json.Unmarshal([]byte(`{"id":1,"type":"DanceScheduled","attributes":{}}`), v)
		if protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeUnsupported || protocol.AsError(err).Hint == "" {
			t.Errorf("an unknown %T reports %v", v, err)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		`"1h30m"`: 90 * time.Minute, `"1.5s"`: 1500 * time.Millisecond, `90`: 90 * time.Second, `0.25`: 250 * time.Millisecond, `"0s"`: 0,
	} {
		var d protocol.Duration
		if err := json.Unmarshal([]byte(text), &d); err != nil || time.Duration(d) != want {
			t.Errorf("%s is read as %v, %v, want %v", text, d, err, want)
		}
	}
	for _, text := range []string{`"soon"`, `true`, `"90"`, `{}`} {
		var d protocol.Duration
		if err := json.Unmarshal([]byte(text), &d); err == nil {
			t.Errorf("%s is read as %v", text, d)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	after := map[protocol.EventType]protocol.Status{
		"WorkflowExecutionStarted": protocol.StatusRunning, "WorkflowExecutionCompleted": protocol.StatusCompleted,
		"WorkflowExecutionFailed": protocol.StatusFailed, "WorkflowExecutionTimedOut": protocol.StatusTimedOut,
		"WorkflowExecutionCanceled": protocol.StatusCanceled, "WorkflowExecutionTerminated": protocol.StatusTerminated,
		"WorkflowExecutionContinuedAsNew": protocol.StatusContinuedAsNew,
	}
	for _, s := range events {
		e := as[protocol.EventAttributes](t, s.value)
		if got := protocol.StatusAfter(e); got != after[e.EventType()] {
			t.Errorf("after %s the status is %q, want %q", e.EventType(), got, after[e.EventType()])
		}
	}
	if protocol.StatusRunning.Closed() || protocol.Status("").Closed() || !protocol.StatusTimedOut.Closed() {
		t.Error("a run is closed when it has ended, and only then")
	}
}

// How an attempt ended counts, whatever a newer worker foresaw.
func TestResultWithAStepThatIsNotUnderstood(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]string{
		"a new command":  `{"nonce":"n","answer":{"worker":"w","commands":[{"type":"Dance","attributes":{}}]}}`,
		"another shape":  `["n"]`,
		"another time":   `{"time":"noon"}`,
		"nothing at all": `null`,
	} {
		body, err := protocol.DecodeInput(protocol.KindResult, []byte(`{"run_id":"r","scheduled_event_id":5,"next":`+next+`,"result":{"data":1}}`))
		r, ok := body.(protocol.ActivityResult)
		if err != nil || !ok || r.Run != "r" || r.ScheduledID != 5 || r.Result.String() != "1" || r.Next != nil {
			t.Errorf("%s: got %+v, %v", name, body, err)
		}
	}
	if _, err := protocol.DecodeInput(protocol.KindResult, []byte(`{"run_id":5,"next":{}}`)); err == nil {
		t.Error("a result without a run was read")
	}
}
