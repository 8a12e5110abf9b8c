package machine

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// goldens are the events or commands that package protocol keeps in its testdata.
func goldens(f *testing.F, prefix string) (all []json.RawMessage) {
	f.Helper()
	files, err := filepath.Glob("../../protocol/testdata/" + prefix + "*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden files of %s: %v", prefix, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

// A history as short as can be: a run that waits for its first step, and one that has taken it.
const (
	begunEvents = `{"id":1,"time":"2026-01-01T00:00:00Z","type":"WorkflowExecutionStarted","attributes":` +
		`{"workflow_id":"order-1","workflow_type":"shop.Order","queue":"orders","run_id":"run-1","request_id":"req-1"}}`
	steppedEvents = begunEvents + `,{"id":2,"time":"2026-01-01T00:00:00Z","type":"WorkflowTaskScheduled","attributes":{"queue":"orders","attempt":1}},` +
		`{"id":3,"time":"2026-01-01T00:00:00Z","type":"WorkflowTaskStarted","attributes":{"scheduled_event_id":2}},` +
		`{"id":4,"time":"2026-01-01T00:00:00Z","type":"WorkflowTaskCompleted","attributes":{"scheduled_event_id":2,"started_event_id":3}}`
)

// FuzzWorkflow folds whatever history says, takes whatever arrives and whatever a worker answers. Nothing of it panics, the record that
// comes out can be written, read and folded, and its effects can be derived.
func FuzzWorkflow(f *testing.F) {
	for _, e := range goldens(f, "event_") {
		f.Add("["+steppedEvents+","+string(e)+"]", "signal", `{"signal":"paid"}`, `{"worker":"w"}`)
		f.Add("["+string(e)+"]", "terminate", `{}`, `{}`)
	}
	for _, c := range goldens(f, "command_") {
		f.Add("["+begunEvents+"]", "timer", `{}`, `{"worker":"w","commands":[`+string(c)+`,`+string(c)+`]}`)
		f.Add("["+steppedEvents+"]", "signal", `{"signal":"x"}`, `{"worker":"w","takes":["1"],"commands":[`+string(c)+`]}`)
	}
	for kind, body := range map[protocol.InputKind]string{
		protocol.KindStart:   `{"type":"shop.Order","queue":"orders","run_id":"run-2","request_id":"r","conflict_policy":"TerminateExisting"}`,
		protocol.KindResult:  `{"run_id":"run-1","scheduled_event_id":5,"attempt":-1,"failure":{"message":"x"}}`,
		protocol.KindStarted: `{"run_id":"run-1","scheduled_event_id":5,"attempt":9223372036854775807,"forgiven_attempts":1}`,
		protocol.KindReset:   `{"event_id":3,"new_run_id":"run-3"}`,
		protocol.KindUpdate:  `{"update_id":"u","update":"x"}`, protocol.KindPause: `{}`, protocol.KindReady: `{"run_id":"run-1","worker":"w"}`,
		protocol.KindAnswer: `{"run_id":"run-1","event_id":5,"verdict":{}}`, protocol.KindChild: `{"run_id":"run-1","initiated_event_id":5}`,
		protocol.KindActivity: `{"activity":"1","action":"reset"}`, protocol.KindCancel: `{}`,
		protocol.KindTimer: `{"task":{"run_id":"run-1","scheduled_event_id":5,"attempt":1,"handed_to":"w"}}`,
	} {
		for _, history := range []string{"[]", "[" + begunEvents + "]", "[" + steppedEvents + "]"} {
			f.Add(history, string(kind), body, `{"worker":"w","commands":[]}`)
		}
	}
	f.Fuzz(func(t *testing.T, history, kind, input, answer string) {
		w := New(workflowID)
		if !fold(w, []byte(history)) {
			return
		}
		body, err := protocol.DecodeInput(protocol.InputKind(kind), []byte(input))
		if err != nil {
			return
		}
		var said protocol.WorkflowTaskAnswer
		if protocol.Unmarshal([]byte(answer), &said) != nil {
			return
		}
		step(t, w, body, &said)
	})
}

// fold reads a history, as a record that is right but for its events.
func fold(w *Workflow, history []byte) bool {
	var events []protocol.Event
	if protocol.Unmarshal(history, &events) != nil {
		return false
	}
	if len(events) == 0 {
		return true
	}
	start, ok := events[0].Attributes.(protocol.WorkflowExecutionStarted)
	if !ok {
		return false
	}
	for i := range events {
		if events[i].ID = int64(i + 1); events[i].Attributes == nil {
			return false // a null in a list; decodeRecord refuses it
		}
	}
	r := &protocol.Record{
		Version: protocol.RecordVersion, Workflow: w.ID, Run: start.RunID, Step: 1, Nonce: "n-1", Events: events, Size: len(history),
	}
	return w.Apply(1, "d-1", r) == nil
}

// step takes a step as a node would, and then as its successor.
func step(t *testing.T, w *Workflow, body protocol.InputBody, said *protocol.WorkflowTaskAnswer) {
	t.Helper()
	now := midnight.Add(time.Hour)
	inputs := []protocol.Input{{Seq: 7, Time: now, Workflow: w.ID, ID: "id", Reply: "reply", Body: body}}
	w.Wakeup()
	w.TaskDue()
	w.Silent(now)
	if w.Run != nil {
		_ = w.Describe()
	}
	if in, follows := w.Successor(); follows {
		inputs = []protocol.Input{in}
	}
	turn := w.Begin(inputs, "n-2", now)
	var ready Ready
	if turn.Wants() {
		if _, err := protocol.Marshal(turn.Task(now)); err != nil {
			t.Fatalf("the task cannot be written: %v", err)
		}
		ready = turn.Answer(said, now)
	} else {
		ready = turn.Decide(now)
	}
	for _, v := range ready.Verdicts {
		if _, err := protocol.Marshal(v.Verdict); err != nil {
			t.Fatalf("a verdict cannot be written: %v", err)
		}
		v.Tell()
	}
	if ready.Record == nil {
		w.Note(ready)
		return
	}
	data, err := protocol.Marshal(ready.Record)
	if err != nil {
		t.Fatalf("the record cannot be written: %v", err)
	}
	var r protocol.Record
	if err := protocol.Unmarshal(data, &r); err != nil {
		t.Fatalf("the record cannot be read: %v\n%s", err, data)
	}
	if again, err := protocol.Marshal(r); err != nil || !bytes.Equal(data, again) {
		t.Fatalf("the record is another one when it is read: %v\n%s\n%s", err, data, again)
	}
	if err := w.Apply(2, protocol.Digest(data), &r); err != nil {
		t.Fatalf("the record does not follow: %v\n%s", err, data)
	}
	w.Note(ready)
	_ = w.Effects(&r)
	_ = w.Describe()
	_ = w.Retries(inputs, now)
	_, _ = w.Again(inputs[0])
}
