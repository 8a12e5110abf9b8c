package protocol_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Nothing that comes in makes a decoder panic, and what it accepts can be written and is read again as the same. The seeds are the
// golden files and the examples of PROTOCOL.md; `make fuzz` looks for more. What was found lies in testdata/fuzz.

// hostile are pieces of JSON that somebody might send to do harm, or by mistake.
var hostile = []string{
	`{`, `null`, `[]`, `"text"`, `7`, `{}x`, "\xff", `{"id":1e400}`, `{"id":9223372036854775808}`, `{"v":1,"v":2}`,
	`{"type":{"type":"TimerFired"}}`, `{"type":"TimerFired","type":"TimerStarted","attributes":{}}`,
	`{"attributes":{"timer_id":"1"},"type":"TimerFired"}`, `{"type":"No","attributes":null}`, `{"data":"\ud800"}`,
	`{"metadata":{"encoding":"binary/plain"},"data":"%%%"}`, `{"data":{"a":1,"a":2}}`, `{"timeout":1e300}`, `{"timeout":-1e300}`,
	`{"time":"9999-12-31T23:59:59-23:59"}`, `{"time":"0000-01-01T00:00:00+23:59"}`,
}

// nested is deeper than anybody's stack should be.
func nested(n int) []byte {
	return slices.Concat(bytes.Repeat([]byte(`{"cause":`), n), []byte(`{}`), bytes.Repeat([]byte(`}`), n))
}

// goldens are the golden files whose names begin like this, without white space.
func goldens(f *testing.F, prefix string) (all [][]byte) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", prefix+"*.json"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden files of %s: %v", prefix, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var b bytes.Buffer
		if err := json.Compact(&b, data); err != nil {
			f.Fatal(err)
		}
		all = append(all, b.Bytes())
	}
	return all
}

// same reads data as a type and, if it can be read, holds that what was read can be written, and is read again as the same.
func same(t *testing.T, typ reflect.Type, data []byte) (v reflect.Value, ok bool) {
	t.Helper()
	likeEngine(t, typ, data)
	v = reflect.New(typ)
	if err := protocol.Unmarshal(data, v.Interface()); err != nil {
		return v, false
	}
	once, err := protocol.Marshal(v.Interface())
	if err != nil {
		t.Fatalf("a %v was read and cannot be written: %v", typ, err)
	}
	again := reflect.New(typ)
	if err := protocol.Unmarshal(once, again.Interface()); err != nil {
		t.Fatalf("%v: what was written cannot be read: %v\n%s", typ, err, once)
	}
	twice, err := protocol.Marshal(again.Interface())
	if err != nil || !bytes.Equal(once, twice) {
		t.Fatalf("%v: written once and twice, %v\n%s\n%s", typ, err, once, twice)
	}
	return v, true
}

func FuzzMessages(f *testing.F) {
	names := slices.Sorted(maps.Keys(spoken))
	text, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range example.FindAllSubmatch(text, -1) {
		f.Add(slices.Index(names, string(m[1])), m[2])
	}
	for i := range names {
		for _, h := range hostile {
			f.Add(i, []byte(h))
		}
	}
	f.Fuzz(func(t *testing.T, i int, data []byte) {
		if i < 0 || i >= len(names) {
			return
		}
		typ := spoken[names[i]]
		same(t, typ, data)
		if err := protocol.UnmarshalRequest(data, reflect.New(typ).Interface()); err != nil {
			hasCode(t, err, protocol.CodeBadRequest)
		}
	})
}

// hasCode holds that an error has one of the codes, a sentence, and no more text than a person reads.
func hasCode(t *testing.T, err error, codes ...protocol.Code) {
	t.Helper()
	e := protocol.AsError(err)
	if !slices.Contains(codes, e.Code) || e.Message == "" || len(e.Message)+len(e.Hint) > 4<<10 {
		t.Fatalf("refused with %s: %d bytes, %.200s", e.Code, len(e.Message), e.Message)
	}
}

func FuzzEvent(f *testing.F) {
	for _, data := range goldens(f, "event_") {
		f.Add(data)
	}
	for _, h := range hostile {
		f.Add([]byte(h))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if v, ok := same(t, reflect.TypeFor[protocol.Event](), data); ok {
			if e, _ := reflect.TypeAssert[protocol.Event](v.Elem()); e.Attributes == nil && string(bytes.TrimSpace(data)) != "null" {
				t.Fatal("an event without attributes was read")
			}
		}
	})
}

func FuzzCommand(f *testing.F) {
	for _, data := range goldens(f, "command_") {
		f.Add(data)
	}
	for _, h := range hostile {
		f.Add([]byte(h))
	}
	f.Fuzz(func(t *testing.T, data []byte) { same(t, reflect.TypeFor[protocol.Command](), data) })
}

func FuzzInput(f *testing.F) {
	kinds := []protocol.InputKind{
		protocol.KindStart, protocol.KindSignal, protocol.KindCancel, protocol.KindTerminate, protocol.KindUpdate, protocol.KindPause,
		protocol.KindReset, protocol.KindActivity, protocol.KindResult, protocol.KindStarted, protocol.KindReady, protocol.KindAnswer,
		protocol.KindChild, protocol.KindTimer, "dance", "", protocol.InputKind(strings.Repeat("\x84", 5000)),
	}
	text, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		f.Fatal(err)
	}
	for _, in := range inputs {
		data, err := protocol.Marshal(in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(in.InputKind()), data)
	}
	for _, kind := range kinds {
		for _, m := range example.FindAllSubmatch(text, -1) {
			if bytes.HasSuffix(m[1], []byte("Input")) || bytes.HasPrefix(m[1], []byte("protocol.Activity")) {
				f.Add(string(kind), m[2])
			}
		}
		for _, h := range hostile {
			f.Add(string(kind), []byte(h))
		}
	}
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		body, err := protocol.DecodeInput(protocol.InputKind(kind), data)
		if err != nil {
			hasCode(t, err, protocol.CodeBadRequest, protocol.CodeUnsupported)
			return
		}
		if got := body.InputKind(); got != protocol.InputKind(kind) {
			t.Fatalf("a %s was read as a %s", kind, got)
		}
		again, err := protocol.Marshal(body)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, err := protocol.DecodeInput(body.InputKind(), again); err != nil {
			t.Fatalf("what was written cannot be read: %v in %s", err, again)
		}
		_ = protocol.Input{Body: body}.From()
	})
}

func FuzzFailure(f *testing.F) {
	for _, n := range []int{1, 20, 1000, 20_000} {
		f.Add(nested(n))
	}
	f.Add([]byte(`{"message":"timed out","timeout":{"type":"Heartbeat"},"cause":{"application":{"next_retry_delay":1e12}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, ok := same(t, reflect.TypeFor[protocol.Failure](), data)
		if !ok {
			return
		}
		failure, _ := reflect.TypeAssert[*protocol.Failure](v)
		_ = failure.Error()
		bound, err := protocol.Marshal(failure.Bound())
		if err != nil {
			t.Fatal(err)
		}
		// What is cut is text; details are user data, and are not counted.
		if len(data) < 1<<10 && len(bound) > 1<<16 {
			t.Fatalf("%d bytes became %d", len(data), len(bound))
		}
		wait, _ := protocol.RetryPolicy{}.Normalize().Next(failure, 1, noon, time.Time{})
		if wait < 0 {
			t.Fatalf("the next attempt is %v ago", -wait)
		}
	})
}

func FuzzRetryPolicy(f *testing.F) {
	f.Add([]byte(`{"initial_interval":"1s","backoff_coefficient":2,"maximum_interval":"1m40s","maximum_attempts":5}`), 3)
	f.Add([]byte(`{"initial_interval":"2000000h"}`), 2)
	f.Add([]byte(`{"initial_interval":"1s","backoff_coefficient":1e308,"maximum_interval":"2000000h"}`), 1<<40)
	f.Fuzz(func(t *testing.T, data []byte, attempt int) {
		v, ok := same(t, reflect.TypeFor[protocol.RetryPolicy](), data)
		p, _ := reflect.TypeAssert[*protocol.RetryPolicy](v)
		if !ok || p.Validate() != nil || attempt < 1 {
			return
		}
		n := p.Normalize()
		if err := n.Validate(); err != nil {
			t.Fatalf("a valid policy is none when it is normal: %v", err)
		}
		if d := n.Delay(attempt); d < 0 || d > time.Duration(n.MaximumInterval) {
			t.Fatalf("the wait after attempt %d is %v", attempt, d)
		}
	})
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{`"1h30m"`, `1.5`, `-3`, `1e300`, `"9999999h"`, `null`, `"soon"`, `true`, `9223372036.8547759`, `-0`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var d protocol.Duration
		if err := protocol.Unmarshal(data, &d); err != nil {
			return
		}
		if data[0] != '-' && data[0] != '"' && d < 0 {
			t.Fatalf("%s was read as %v", data, d)
		}
		same(t, reflect.TypeFor[protocol.Duration](), data)
	})
}

func FuzzPayload(f *testing.F) {
	for _, s := range append(hostile, `{"data":{"customer":"Ada","note":"1 < 2"}}`, `{"metadata":{"encoding":"binary/plain"},"data":"AAH+/w=="}`,
		`{"blob":{"name":"b","size":-1,"sha256":""}}`, `{"metadata":{"encoding":"json/plain"},"data":[ 1 , 2 ]}`) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, ok := same(t, reflect.TypeFor[protocol.Payload](), data)
		if !ok {
			return
		}
		p, _ := reflect.TypeAssert[*protocol.Payload](v)
		if len(p.Data) > len(data) {
			t.Fatalf("%d bytes hold a payload of %d", len(data), len(p.Data))
		}
		_, _, _ = p.String(), p.Digest(), p.Equal(protocol.Payload{})
		var value any
		if err := p.Decode(&value); err != nil {
			hasCode(t, err, protocol.CodeBadPayload)
		}
	})
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte(`{"v":1}`))
	f.Add([]byte{0x1f, 0x8b})
	large := bytes.Repeat([]byte(`{"type":"StartTimer"},`), 20_000)
	packed := protocol.Pack(large)
	f.Add(packed)
	f.Add(packed[:len(packed)/2])
	f.Add(append(slices.Clone(packed), packed...))
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := protocol.Unpack(data)
		if err != nil {
			hasCode(t, err, protocol.CodeCorrupt, protocol.CodeTooLarge)
			return
		}
		again, err := protocol.Unpack(protocol.Pack(out))
		if err != nil || !bytes.Equal(out, again) {
			t.Fatalf("packed again: %v", err)
		}
	})
}

func FuzzToken(f *testing.F) {
	for _, s := range []string{"", "=", "order-42", "Ada Lovelace", "日本語", "=41", "=4", "a=2", "=c3=28", "a.b.*.>", "\xff\x00", "==", "=2e", "=C3=A9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		token := protocol.Token(s)
		if back, err := protocol.ParseToken(token); err != nil || back != s {
			t.Fatalf("%q became %q and %q, %v", s, token, back, err)
		}
		if len(token) > max(3*len(s), 1) || strings.ContainsAny(token, " .*>\r\n\t\x00") || token == "" {
			t.Fatalf("%q is no token of a subject", token)
		}
		if text, err := protocol.ParseToken(s); err == nil && protocol.Token(text) != s {
			t.Fatalf("%q stands for %q, which is written %q", s, text, protocol.Token(text))
		}
		if n := protocol.Shard(s, 8); n < 0 || n > 7 {
			t.Fatalf("%q is in shard %d", s, n)
		}
	})
}

func FuzzSubject(f *testing.F) {
	ns := protocol.DefaultNamespace
	set, fired := ns.Wakeup(3, "Ada Lovelace")
	for _, s := range []string{
		ns.Input(3, protocol.KindSignal, "Ada Lovelace"), ns.Direct(3, protocol.KindStart, "日本語"), ns.History(3, "order-42"), set, fired,
		ns.HistoryStream(3), "mr.default.in.", "mr.default.in.3.signal.=zz", "mr.default.hist.3.a.b", "mr.default.timer.x.fired",
		"mr.other.in.3.signal.a", "...", "mr.default.in.3.signal.a.b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if kind, id, err := ns.ParseInput(s); err == nil {
			if protocol.Token(id) == "" || kind == "" && s[len(s)-1] == '.' {
				t.Fatalf("%q is an input", s)
			}
		} else {
			hasCode(t, err, protocol.CodeBadRequest)
		}
		if _, err := ns.ParseHistory(s); err != nil {
			hasCode(t, err, protocol.CodeBadRequest)
		}
		if _, err := ns.ParseFired(s); err != nil {
			hasCode(t, err, protocol.CodeBadRequest)
		}
	})
}

func FuzzActivityToken(f *testing.F) {
	f.Add(protocol.ActivityToken{Workflow: "order-42", Run: "01936f2e", ScheduledID: 5, Attempt: 1}.String())
	f.Add("e30")
	f.Add("%%%")
	f.Fuzz(func(t *testing.T, s string) {
		token, err := protocol.ParseActivityToken(s)
		if err != nil {
			hasCode(t, err, protocol.CodeBadRequest)
			return
		}
		if back, err := protocol.ParseActivityToken(token.String()); err != nil || back != token {
			t.Fatalf("%+v became %+v, %v", token, back, err)
		}
	})
}
