package protocol_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/millrace-dev/millrace/protocol"
)

// spoken is every type of which PROTOCOL.md must show an example.
var spoken = types(
	protocol.NamespaceConfig{}, protocol.Payload{}, protocol.Blob{}, protocol.Failure{}, protocol.Error{}, protocol.Verdict{}, protocol.Outcome{},
	protocol.StartInput{}, protocol.SignalInput{}, protocol.CancelInput{}, protocol.TerminateInput{}, protocol.UpdateInput{}, protocol.PauseInput{}, protocol.ActivityStarted{}, protocol.ResetInput{},
	protocol.ActivityInput{}, protocol.ActivityRequest{}, protocol.ActivityHeld{}, protocol.SessionHold{}, protocol.SessionOffer{},
	protocol.Worker{}, protocol.AnswerInput{}, protocol.ChildInput{},
	protocol.WorkflowTask{}, protocol.WorkflowTaskAnswer{}, protocol.HandOver{}, protocol.QueuedWorkflowTask{}, protocol.WorkerReady{}, protocol.QueryTask{},
	protocol.RetryPolicy{}, protocol.Event{}, protocol.ActivityTask{}, protocol.ActivityResult{}, protocol.CancelActivity{},
	protocol.Heartbeat{}, protocol.ErrorAnswer{}, protocol.StartRequest{}, protocol.SignalRequest{}, protocol.CancelRequest{},
	protocol.TerminateRequest{}, protocol.PauseRequest{}, protocol.QueryRequest{}, protocol.QueryAnswer{},
	protocol.VersionsRequest{}, protocol.VersionsAnswer{}, protocol.ResetRequest{}, protocol.RunRequest{}, protocol.Description{}, protocol.HistoryRequest{},
	protocol.UpdateRequest{}, protocol.UpdateResultRequest{},
	protocol.HistoryPage{}, protocol.ListRequest{}, protocol.ListPage{}, protocol.WorkersRequest{}, protocol.WorkersAnswer{},
	protocol.Record{}, protocol.Row{}, protocol.Progress{}, protocol.DeleteInput{}, protocol.RetentionConfig{}, protocol.BacklogConfig{}, protocol.LoadAnswer{},
)

func types(values ...any) map[string]reflect.Type {
	all := make(map[string]reflect.Type)
	for _, v := range values {
		all[reflect.TypeOf(v).String()] = reflect.TypeOf(v)
	}
	return all
}

var example = regexp.MustCompile("(?s)```json (protocol\\.\\w+)\n(.*?)```")

func paper(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestPaperExamples reads every example of PROTOCOL.md into its type, and writes it again: no field may be lost.
func TestPaperExamples(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, m := range example.FindAllStringSubmatch(paper(t), -1) {
		name, text := m[1], m[2]
		seen[name] = true
		typ, ok := spoken[name]
		if !ok {
			t.Errorf("PROTOCOL.md shows a %s, of which the test does not know", name)
			continue
		}
		value := reflect.New(typ)
		dec := json.NewDecoder(strings.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(value.Interface()); err != nil {
			t.Errorf("%s: %v in\n%s", name, err, text)
			continue
		}
		again, err := protocol.Marshal(value.Interface())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(tree(t, []byte(text)), tree(t, again)); d != "" {
			t.Errorf("%s, -shown +read:\n%s", name, d)
		}
	}
	for name := range spoken {
		if !seen[name] {
			t.Errorf("PROTOCOL.md shows no %s", name)
		}
	}
}

func tree(t *testing.T, data []byte) (v any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestPaperTables compares the rows of events and commands with the types' fields.
func TestPaperTables(t *testing.T) {
	t.Parallel()
	text := paper(t)
	for _, s := range slices.Concat(events, commands) {
		typ := reflect.TypeOf(s.value)
		rows := regexp.MustCompile(`(?m)^\| `+nameOf(s.value)+` \|.*$`).FindAllString(text, -1)
		var want []string
		for f := range typ.Fields() {
			name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
			field := "`" + name + "`"
			if rest != "" {
				field += "?"
			}
			want = append(want, field)
		}
		fields := strings.Join(want, ", ")
		if !slices.ContainsFunc(rows, func(row string) bool { return strings.HasSuffix(row, "| "+fields+" |") }) {
			t.Errorf("PROTOCOL.md says\n%s\nof %s, whose fields are\n%s", strings.Join(rows, "\n"), typ.Name(), fields)
		}
	}
}

// TestPaperNames: every endpoint, code, kind, cause and state is named.
func TestPaperNames(t *testing.T) {
	t.Parallel()
	text := paper(t)
	for _, name := range []string{
		protocol.EndpointStart, protocol.EndpointSignal, protocol.EndpointCancel, protocol.EndpointTerminate,
		protocol.EndpointUpdate, protocol.EndpointUpdateResult, string(protocol.UpdateAdmitted), string(protocol.UpdateAccepted),
		string(protocol.UpdateCompleted), string(protocol.UpdateRejected),
		protocol.EndpointDescribe, protocol.EndpointResult, protocol.EndpointHistory, protocol.EndpointList, protocol.EndpointWorkers, protocol.EndpointLoad,
		string(protocol.CodeBadRequest), string(protocol.CodeBadPayload), string(protocol.CodeTooLarge), string(protocol.CodeNotFound),
		string(protocol.CodeAlreadyStarted), string(protocol.CodeClosed), string(protocol.CodeUnknownType),
		string(protocol.CodeNoWorker), string(protocol.CodeNoOrchestrator), string(protocol.CodeUnavailable),
		string(protocol.CodeBusy), string(protocol.CodeTimeout), string(protocol.CodeConflict), string(protocol.CodeCorrupt),
		string(protocol.CodeUnsupported), string(protocol.CodeInternal),
		string(protocol.CauseWorkflowPanic), string(protocol.CauseNonDeterministic), string(protocol.CauseUnknownType),
		string(protocol.CauseBadCommand), string(protocol.RefusalBusy), string(protocol.RefusalCacheMiss),
		string(protocol.RefusalDraining), string(protocol.StatusTimedOut), string(protocol.RetryCancelRequested),
		protocol.HeaderRun, protocol.HeaderStep, protocol.HeaderNonce, protocol.HeaderFirst, protocol.HeaderLast,
		protocol.HeaderReply, protocol.HeaderAfter, protocol.HeaderOnce, protocol.HeaderTaken, protocol.HeaderSent,
		protocol.HeaderTime, protocol.HeaderFrom, protocol.HeaderWhy, protocol.HeaderMsgID, protocol.WorkerGroup,
		protocol.EncodingBinary, protocol.EncodingNull,
	} {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("PROTOCOL.md does not name %s", name)
		}
	}
}
