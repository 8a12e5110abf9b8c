package protocol_test

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
)

// likeEngine holds that what is read by a form is what the JSON engine reads, and reports whether it was read by a form.
func likeEngine(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, typ reflect.Type, data []byte,
) bool {
	t.Helper()
	byForm, byEngine := reflect.New(typ), reflect.New(typ)
	if !protocol.Formed(typ) || !protocol.ReadByForm(data, byForm.Interface()) {
		return false
	}
	if err := protocol.ReadByEngine(data, byEngine.Interface()); err != nil {
		t.Fatalf("%v: read by its form only: %v\n%s", typ, err, data)
	}
	if d := cmp.Diff(byEngine.Interface(), byForm.Interface()); d != "" {
		t.Fatalf("-by the engine +by its form: %s\n%s", d, data)
	}
	return true
}

// TestFormsReadWhatTheEngineReads: a message that has been changed anywhere is read as the engine reads it, or left to the engine.
func TestFormsReadWhatTheEngineReads(t *testing.T) {
	t.Parallel()
	pieces := append(slices.Clone(hostile), `"`, `\`, `\u00e4`, `\ud800`, ` `, "\n", `,`, `:`, `{`, `}`, `[`, `]`, `0`, `-`, `.5`, `e3`, `true`, `false`,
		`"":1,`, `"x":[],`, `"id":7,`, "\x00", "\xc3", "ä", "\u2028", `00`, `99999999999999999999`)
	for name, values := range messages {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				v := values.Draw(t, "value")
				data, err := protocol.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				for range rapid.IntRange(1, 3).Draw(t, "changes") {
					from := rapid.IntRange(0, len(data)).Draw(t, "from")
					to := min(len(data), from+rapid.SampledFrom([]int{0, 0, 1, 2, 8}).Draw(t, "cut"))
					data = slices.Concat(data[:from], []byte(rapid.SampledFrom(pieces).Draw(t, "piece")), data[to:])
				}
				likeEngine(t, reflect.TypeOf(v), data)
			})
		})
	}
}

// TestUsualMessagesHaveForms: what a hello is made of is not left to the engine, whatever becomes of the types.
func TestUsualMessagesHaveForms(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		protocol.StartInput{},
		protocol.WorkflowTask{},
		protocol.WorkflowTaskAnswer{},
		protocol.Record{},
		protocol.Row{},
		protocol.Verdict{},
		protocol.Outcome{},
		protocol.ActivityTask{},
		protocol.ActivityResult{},
		protocol.HandOver{},
		protocol.SignalInput{},
		protocol.QueryTask{},
		protocol.Failure{},
		protocol.Event{},
		protocol.Command{},
		protocol.Payload{},
	} {
		if !protocol.Formed(reflect.TypeOf(v)) {
			t.Errorf("%T is left to the engine", v)
		}
	}
	for _, s := range append(slices.Clone(events), commands...) {
		if !protocol.Formed(reflect.TypeOf(s.value)) {
			t.Errorf("%T is left to the engine", s.value)
		}
	}
}

// TestDeepMessagesAreTheEngines: it refuses to write what nobody could read.
func TestDeepMessagesAreTheEngines(t *testing.T) {
	t.Parallel()
	chain := func(n int) *protocol.Failure {
		var f *protocol.Failure
		for range n {
			f = &protocol.Failure{Message: "no", Cause: f}
		}
		return f
	}
	failed := func(n int) protocol.Event {
		return protocol.Event{ID: 1, Time: noon, Attributes: protocol.WorkflowExecutionFailed{Failure: chain(n)}}
	}
	for _, n := range []int{1, 150, 250, 5_000} {
		for _, v := range []any{failed(n), protocol.Record{Events: []protocol.Event{failed(n)}}, *chain(n)} {
			data, err := protocol.Marshal(v)
			if err != nil {
				t.Fatalf("%T of %d failures: %v", v, n, err)
			}
			back := reflect.New(reflect.TypeOf(v))
			if err := protocol.Unmarshal(data, back.Interface()); err != nil {
				t.Fatalf("%T of %d failures: %v", v, n, err)
			}
			if again, err := protocol.Marshal(back.Interface()); err != nil || !bytes.Equal(again, data) {
				t.Fatalf("%T of %d failures was read as another, %v", v, n, err)
			}
		}
	}
	for _, v := range []any{failed(20_000), protocol.Record{Events: []protocol.Event{failed(20_000)}}, *chain(20_000)} {
		if data, err := protocol.Marshal(v); err == nil {
			t.Errorf("%T: %d bytes were written that nobody can read", v, len(data))
		}
	}
}

// TestTimesThatFailLeaveNothingBehind: the writers are lent, and remember the last time.
func TestTimesThatFailLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	at := func(when time.Time) protocol.Event {
		return protocol.Event{ID: 1, Time: when, Attributes: protocol.TimerFired{}}
	}
	for i := range 100 {
		when := noon.Add(time.Duration(i) * time.Millisecond)
		want := `"time":"` + when.Format(time.RFC3339Nano) + `"`
		for _, when := range []time.Time{when, when.AddDate(9000, 0, 0), when} {
			data, err := protocol.Marshal(at(when))
			if fine := when.Year() < 10_000; fine != (err == nil) || fine && !strings.Contains(string(data), want) {
				t.Fatalf("%v was written as %s, %v", when, data, err)
			}
		}
		var e protocol.Event
		if err := protocol.Unmarshal(fmt.Appendf(nil, `{"id":1,%s,"type":"TimerFired","attributes":{"timer_id":""}}`, want), &e); err != nil || !e.Time.Equal(when) {
			t.Fatalf("%s was read as %v, %v", want, e.Time, err)
		}
		if err := protocol.Unmarshal([]byte(`{"id":1,"time":"","type":"TimerFired","attributes":{"timer_id":""}}`), &e); err == nil {
			t.Fatal("no time was read as one")
		}
	}
}
