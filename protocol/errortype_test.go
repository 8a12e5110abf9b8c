package protocol_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
)

const errNoMoney = protocol.ErrorType("NoMoney")

// cardError is a Go error with a type of its own.
type cardError struct{ err error }

func (c *cardError) Error() string { return "card: " + c.err.Error() }
func (c *cardError) Unwrap() error { return c.err }

// across is err as it arrives on the other side of the wire.
func across(t *testing.T, err error) *protocol.Failure {
	t.Helper()
	data, e := protocol.Marshal(protocol.NewFailure(err))
	if e != nil {
		t.Fatal(e)
	}
	var f protocol.Failure
	if e := json.Unmarshal(data, &f); e != nil {
		t.Fatal(e)
	}
	return &f
}

// An author's error is recognised on the other side by its type, however it was wrapped, and its text stays.
func TestErrorTypeCrossesTheWire(t *testing.T) {
	t.Parallel()
	path := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	tests := map[string]struct {
		err      error
		outer    string // the type that retry policies see
		matching []protocol.ErrorType
	}{
		"as it is":       {errNoMoney, "NoMoney", []protocol.ErrorType{"NoMoney"}},
		"wrapped":        {fmt.Errorf("charge 7: %w", errNoMoney), "NoMoney", []protocol.ErrorType{"NoMoney"}},
		"wrapped twice":  {fmt.Errorf("a: %w", fmt.Errorf("b: %w", errNoMoney)), "NoMoney", []protocol.ErrorType{"NoMoney"}},
		"joined":         {errors.Join(errors.New("also"), errNoMoney), "NoMoney", []protocol.ErrorType{"NoMoney"}},
		"a Go type":      {fmt.Errorf("read: %w", path), "PathError", []protocol.ErrorType{"PathError"}},
		"inside another": {&cardError{path}, "cardError", []protocol.ErrorType{"cardError", "PathError"}},
		"inside both":    {fmt.Errorf("pay: %w", &cardError{fmt.Errorf("read: %w", path)}), "cardError", []protocol.ErrorType{"cardError", "PathError"}},
		"over a failure": {
			fmt.Errorf("again: %w", protocol.NewFailure(fmt.Errorf("charge: %w", errNoMoney))), "wrapError", []protocol.ErrorType{"NoMoney"},
		},
		"nothing to say": {errors.New("no"), "errorString", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := across(t, tt.err)
			if f.Application == nil || f.Application.Type != tt.outer || f.Error() != tt.err.Error() {
				t.Errorf("arrived as %v of type %+v, want %v of type %s", f, f.Application, tt.err, tt.outer)
			}
			for _, typ := range tt.matching {
				if !errors.Is(f, typ) || !errors.Is(fmt.Errorf("later: %w", f), typ) {
					t.Errorf("it is not %s", typ)
				}
			}
			if errors.Is(f, protocol.ErrorType("Other")) {
				t.Error("it is anything")
			}
		})
	}
}

// An error type is the same error at home and abroad.
func TestErrorTypeAtHome(t *testing.T) {
	t.Parallel()
	if err := fmt.Errorf("charge: %w", errNoMoney); !errors.Is(err, errNoMoney) || errors.Is(err, protocol.ErrorType("Other")) {
		t.Errorf("%v is not what it is", err)
	}
}

// However absurd an error is, its failure fits into a message, is valid text, and still says where it begins and ends.
func TestFailuresAreBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Repeat(rapid.StringN(1, 40, -1).Draw(t, "text"), rapid.IntRange(1, 5000).Draw(t, "times"))
		var f *protocol.Failure
		for range rapid.IntRange(1, 50).Draw(t, "depth") {
			f = &protocol.Failure{Message: text, Stack: text + text, Cause: f}
		}
		before := *f
		b := f.Bound()
		data, err := protocol.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		size, depth := 0, 0
		for n := b; n != nil; n = n.Cause {
			size += len(n.Message) + len(n.Stack)
			if depth++; utf8.ValidString(text) && !utf8.ValidString(n.Message) {
				t.Fatal("a letter was cut in two")
			}
		}
		if size > 512<<10 || depth > 16 {
			t.Fatalf("%d bytes of text in %d causes, %d on the wire", size, depth, len(data))
		}
		if f.Message != before.Message || f.Cause != before.Cause {
			t.Fatal("the failure itself was cut")
		}
		if b.Bound() != b {
			t.Fatal("what is bounded is cut again")
		}
	})
	long := across(t, errors.New("begin "+strings.Repeat("x", 5<<20)+" end"))
	if m := long.Message; len(m) > 8<<10 || !strings.HasPrefix(m, "begin x") || !strings.HasSuffix(m, "x end") || !strings.Contains(m, "bytes left out") {
		t.Errorf("5 MB became %d bytes: %.40s", len(m), m)
	}
	short := errors.New("short")
	if f := protocol.NewFailure(short); f.Bound() != f {
		t.Error("a short failure was copied")
	}
}
