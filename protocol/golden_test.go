package protocol_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/millrace-dev/millrace/protocol"
)

// TestEventGoldens holds every kind of event to its file in testdata. A file that is already released must never change:
// a history that was written then must be readable for ever.
func TestEventGoldens(t *testing.T) {
	t.Parallel()
	var seen []protocol.EventType
	for i, s := range events {
		e := protocol.Event{ID: int64(i + 1), Time: noon, Attributes: as[protocol.EventAttributes](t, s.value)}
		seen = append(seen, e.Type())
		t.Run(string(e.Type()), func(t *testing.T) {
			t.Parallel()
			var back protocol.Event
			golden(t, "event_"+string(e.Type()), e, &back)
			if d := cmp.Diff(e, back); d != "" {
				t.Errorf("read back, -want +got:\n%s", d)
			}
		})
	}
	compareSets(t, seen, protocol.EventTypes())
}

func TestCommandGoldens(t *testing.T) {
	t.Parallel()
	var seen []protocol.CommandType
	for _, s := range commands {
		c := protocol.Command{Attributes: as[protocol.CommandAttributes](t, s.value)}
		seen = append(seen, c.Type())
		t.Run(string(c.Type()), func(t *testing.T) {
			t.Parallel()
			var back protocol.Command
			golden(t, "command_"+string(c.Type()), c, &back)
			if d := cmp.Diff(c, back); d != "" {
				t.Errorf("read back, -want +got:\n%s", d)
			}
		})
	}
	compareSets(t, seen, protocol.CommandTypes())
}

// TestSamplesAreWhole sees to it that a new field appears in the golden files, and that an event's name is its type's.
func TestSamplesAreWhole(t *testing.T) {
	t.Parallel()
	for _, s := range slices.Concat(events, commands) {
		v := reflect.ValueOf(s.value)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("the sample of %T leaves %s out", s.value, v.Type().Field(i).Name)
			}
		}
		// Temporal calls one event as its command; two types of Go cannot share a name.
		want := v.Type().Name()
		if _, ok := s.value.(protocol.WorkflowSearchAttributesUpserted); ok {
			want = "UpsertWorkflowSearchAttributes"
		}
		if name := nameOf(s.value); name != want {
			t.Errorf("%T is called %q", s.value, name)
		}
	}
}

// nameOf is how an event or a command is called on the wire.
func nameOf(attributes any) string {
	switch a := attributes.(type) {
	case protocol.EventAttributes:
		return string(a.EventType())
	case protocol.CommandAttributes:
		return string(a.CommandType())
	}
	return ""
}

// golden compares what v is written as with a file of testdata, and reads the file into back.
func golden(t *testing.T, name string, v, back any) {
	t.Helper()
	got, err := protocol.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".json")
	if *rewrite {
		var b bytes.Buffer
		if err := json.Indent(&b, got, "", "  "); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: run the tests with -rewrite and review what they write", err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, data); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.String(), string(got)); d != "" {
		t.Errorf("%s, -want +got:\n%s", file, d)
	}
	if err := json.Unmarshal(data, back); err != nil {
		t.Errorf("%s: %v", file, err)
	}
}

func as[T any](t *testing.T, v any) T {
	t.Helper()
	a, ok := v.(T)
	if !ok {
		t.Fatalf("%T is not a %v", v, reflect.TypeFor[T]())
	}
	return a
}

func compareSets[T ~string](t *testing.T, got, want []T) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("kinds that have a sample, -want +got:\n%s", d)
	}
}
