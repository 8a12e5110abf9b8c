package protocol_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
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

// A request that cannot be read is refused in a sentence: which member, what it must be, and what it is.
func TestRequestThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for request, want := range map[string]string{
		`hello`:              `it is no JSON: invalid character 'h' at start of value, after 0 bytes`,
		`{"id": }`:           `"id" is no JSON: invalid character '}' at start of value, after 7 bytes`,
		`{"id": "a"} true`:   `it is no JSON: invalid character 't' after top-level value, after 12 bytes`,
		`{"id": "a"`:         `it ends in the middle, after 10 bytes`,
		`[1]`:                `it must be an object, not an array`,
		`"order-42"`:         `it must be an object, not a string`,
		`{"id": 42}`:         `"id" must be a string, not a number`,
		`{"memo": []}`:       `"memo" must be an object, not an array`,
		`{"memo": {"a": 3}}`: `"memo.a": there is a number where an object should be`,
		`{"memo": {"a": {"metadata": {"b": true}}}}`:                   `"memo.a.metadata.b" must be a string, not a truth value`,
		`{"run_timeout": "soon"}`:                                      `"run_timeout": "soon" is no duration: write a string such as "1m30s", or a number of seconds`,
		`{"run_timeout": {}}`:                                          `"run_timeout": an object is no duration: write a string such as "1m30s", or a number of seconds`,
		`{"retry_policy": 3}`:                                          `"retry_policy" must be an object, not a number`,
		`{"retry_policy": {"maximum_attempts": "3"}}`:                  `"retry_policy.maximum_attempts" must be a whole number, not a string`,
		`{"retry_policy": {"maximum_attempts": 2.5}}`:                  `"retry_policy.maximum_attempts" must be a whole number, not 2.5`,
		`{"retry_policy": {"maximum_attempts": 99999999999999999999}}`: `"retry_policy.maximum_attempts" must be a whole number, and 99999999999999999999 is too large`,
		`{"retry_policy": {"non_retryable_types": ["a", 1]}}`:          `"retry_policy.non_retryable_types.1" must be a string, not a number`,
	} {
		var r protocol.StartRequest
		err := protocol.AsError(protocol.UnmarshalRequest([]byte(request), &r))
		if want = "the request cannot be read: " + want; err == nil || err.Message != want || err.Code != protocol.CodeBadRequest || err.Hint == "" {
			t.Errorf("%s\n got %v\nwant %s", request, err, want)
		}
	}
}

// foreign is what only somebody who knows Go, or its libraries, can make sense of.
var foreign = regexp.MustCompile(`\bGo\b|json:|jsontext|protocol\.|struct|\bint64\b|map\[|strconv|time:|invalid syntax`)

// No member of no request is refused in terms of Go.
func TestRefusalsSpeakOfRequests(t *testing.T) {
	t.Parallel()
	requests := []any{
		protocol.StartRequest{},
		protocol.SignalRequest{},
		protocol.CancelRequest{},
		protocol.TerminateRequest{},
		protocol.PauseRequest{},
		protocol.ResetRequest{},
		protocol.ActivityRequest{},
		protocol.RunRequest{},
		protocol.QueryRequest{},
		protocol.HistoryRequest{},
		protocol.ListRequest{},
		protocol.WorkersRequest{},
		protocol.VersionsRequest{},
		protocol.UpdateRequest{},
		protocol.UpdateResultRequest{},
	}
	refused := 0
	for _, request := range requests {
		typ := reflect.TypeOf(request)
		for _, name := range members(typ, 3) {
			for _, wrong := range []string{`null`, `true`, `1`, `2.5`, `1e400`, `-99999999999999999999`, `"x"`, `[1]`, `["x"]`, `[{}]`, `{}`, `{"a": 1}`} {
				text := wrong
				for path := name; ; {
					i := strings.LastIndex(path, ".")
					text = fmt.Sprintf(`{%q: %s}`, path[i+1:], text)
					if i < 0 {
						break
					}
					path = path[:i]
				}
				err := protocol.UnmarshalRequest([]byte(text), reflect.New(typ).Interface())
				if err == nil {
					continue
				}
				if refused++; foreign.MatchString(err.Error()) {
					t.Errorf("%s %s: %v", typ.Name(), text, err)
				}
			}
		}
	}
	if refused < 500 {
		t.Errorf("only %d requests were refused", refused)
	}
}

// members are the paths to the members of an object, down to a depth.
func members(t reflect.Type, depth int) (paths []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || depth == 0 {
		return nil
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			paths = append(paths, members(f.Type, depth)...)
		case name != "" && name != "-":
			paths = append(paths, name)
			for _, below := range members(f.Type, depth-1) {
				paths = append(paths, name+"."+below)
			}
		}
	}
	return paths
}
