package protocol_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
)

// messages is every other type that goes over the wire or into a bucket.
var messages = map[string]*rapid.Generator[any]{
	"Event":               anyEvent().AsAny(),
	"Command":             anyCommand().AsAny(),
	"Record":              anyOf[protocol.Record](),
	"WorkflowTask":        anyOf[protocol.WorkflowTask](),
	"WorkflowTaskAnswer":  anyOf[protocol.WorkflowTaskAnswer](),
	"WorkerReady":         anyOf[protocol.WorkerReady](),
	"QueuedWorkflowTask":  anyOf[protocol.QueuedWorkflowTask](),
	"ActivityTask":        anyOf[protocol.ActivityTask](),
	"ActivityResult":      anyOf[protocol.ActivityResult](),
	"CancelActivity":      anyOf[protocol.CancelActivity](),
	"StartInput":          anyOf[protocol.StartInput](),
	"SignalInput":         anyOf[protocol.SignalInput](),
	"CancelInput":         anyOf[protocol.CancelInput](),
	"TerminateInput":      anyOf[protocol.TerminateInput](),
	"PauseInput":          anyOf[protocol.PauseInput](),
	"DeleteInput":         anyOf[protocol.DeleteInput](),
	"RetentionConfig":     anyOf[protocol.RetentionConfig](),
	"BacklogConfig":       anyOf[protocol.BacklogConfig](),
	"ActivityInput":       anyOf[protocol.ActivityInput](),
	"ActivityRequest":     anyOf[protocol.ActivityRequest](),
	"ActivityHeld":        anyOf[protocol.ActivityHeld](),
	"SessionHold":         anyOf[protocol.SessionHold](),
	"SessionOffer":        anyOf[protocol.SessionOffer](),
	"ResetInput":          anyOf[protocol.ResetInput](),
	"Verdict":             anyOf[protocol.Verdict](),
	"Outcome":             anyOf[protocol.Outcome](),
	"RunRequest":          anyOf[protocol.RunRequest](),
	"CancelRequest":       anyOf[protocol.CancelRequest](),
	"VersionsRequest":     anyOf[protocol.VersionsRequest](),
	"VersionsAnswer":      anyOf[protocol.VersionsAnswer](),
	"QueryAnswer":         anyOf[protocol.QueryAnswer](),
	"TerminateRequest":    anyOf[protocol.TerminateRequest](),
	"PauseRequest":        anyOf[protocol.PauseRequest](),
	"ResetRequest":        anyOf[protocol.ResetRequest](),
	"HistoryRequest":      anyOf[protocol.HistoryRequest](),
	"HistoryPage":         anyOf[protocol.HistoryPage](),
	"ListRequest":         anyOf[protocol.ListRequest](),
	"ListPage":            anyOf[protocol.ListPage](),
	"WorkersRequest":      anyOf[protocol.WorkersRequest](),
	"WorkersAnswer":       anyOf[protocol.WorkersAnswer](),
	"LoadAnswer":          anyOf[protocol.LoadAnswer](),
	"ErrorAnswer":         anyOf[protocol.ErrorAnswer](),
	"Row":                 anyOf[protocol.Row](),
	"Description":         anyOf[protocol.Description](),
	"NamespaceConfig":     anyOf[protocol.NamespaceConfig](),
	"Lease":               anyOf[protocol.Lease](),
	"Node":                anyOf[protocol.Node](),
	"Worker":              anyOf[protocol.Worker](),
	"Heartbeat":           anyOf[protocol.Heartbeat](),
	"UpdateInput":         anyOf[protocol.UpdateInput](),
	"UpdateResultRequest": anyOf[protocol.UpdateResultRequest](),
}

// TestRoundTrip: what was written is what is read, whatever the value, and what encoding/json would have written. The subtests run one after the other, because they share
// generators, and rapid's generators are not safe for concurrent use.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, values := range messages {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { roundTrip(t, values.Draw(t, "value")) })
		})
	}
}

func roundTrip(t *rapid.T, v any) {
	data, err := protocol.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	back := reflect.New(reflect.TypeOf(v))
	if err := protocol.Unmarshal(data, back.Interface()); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	// An empty list and no list are the same on the wire, and the size of a record is not on it.
	unsaid := cmpopts.IgnoreFields(protocol.Record{}, "Size", "Worker", "Blobs")
	if d := cmp.Diff(v, back.Elem().Interface(), cmpopts.EquateEmpty(), unsaid); d != "" {
		t.Fatalf("-written +read:\n%s\n%s", d, data)
	}
	likeEncodingJSON(t, v, data)
	if protocol.Formed(back.Type().Elem()) && !likeEngine(t, back.Type().Elem(), data) {
		t.Fatalf("what was written does not have the form in which it is read: %s", data)
	}
}
