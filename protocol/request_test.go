package protocol_test

import (
	"encoding/json"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

// TestRequestInput: a request carries its input as plain JSON, or as a payload when it is something else.
func TestRequestInput(t *testing.T) {
	t.Parallel()
	for request, want := range map[string]string{
		`{"input": {"note": "1 < 2"} }`: `{"data":{"note":"1 < 2"}}`,
		`{"input": null}`:               `{"data":null}`,
		`{}`:                            `{}`,
		`{"payload": {"metadata":{"encoding":"binary/plain"},"data":"AAE="}}`: `{"metadata":{"encoding":"binary/plain"},"data":"AAE="}`,
	} {
		var start protocol.StartRequest
		var signal protocol.SignalRequest
		var update protocol.UpdateRequest
		if err := json.Unmarshal([]byte(request), &start); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(request), &signal); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(request), &update); err != nil {
			t.Fatal(err)
		}
		in, err := start.Start()
		if got, _ := protocol.Marshal(in.Input); err != nil || string(got) != want {
			t.Errorf("start %s carries %s, %v, want %s", request, got, err, want)
		}
		sig, err := signal.Signal()
		if got, _ := protocol.Marshal(sig.Input); err != nil || string(got) != want {
			t.Errorf("signal %s carries %s, %v, want %s", request, got, err, want)
		}
		u, err := update.Update()
		if got, _ := protocol.Marshal(u.Input); err != nil || string(got) != want {
			t.Errorf("update %s carries %s, %v, want %s", request, got, err, want)
		}
	}
	both := protocol.StartRequest{Input: json.RawMessage(`1`), Payload: &raw}
	if _, err := both.Start(); protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeBadRequest {
		t.Errorf("an input and a payload: %v", err)
	}
}
