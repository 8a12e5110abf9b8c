package protocol_test

import (
	"regexp"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

func TestChildRunID(t *testing.T) {
	t.Parallel()
	a := protocol.ChildRunID("run-1", 5)
	if a != protocol.ChildRunID("run-1", 5) {
		t.Error("a child's run ID differs from call to call")
	}
	if a == protocol.ChildRunID("run-1", 6) || a == protocol.ChildRunID("run-2", 5) {
		t.Error("two children have one run ID")
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(a) {
		t.Errorf("%s is no UUID of version 8", a)
	}
	if got, want := a, "a7c1dccc-5d43-867f-98f5-46f7dc179f39"; got != want { // for ever: a node of another version must start the same run
		t.Errorf("got %s, want %s", got, want)
	}
}

// An answer to a workflow that cannot exist would be tried for ever, so nobody answers it.
func TestFrom(t *testing.T) {
	t.Parallel()
	for _, body := range []protocol.InputBody{
		protocol.StartInput{From: origin},
		protocol.SignalInput{From: origin},
		protocol.CancelInput{From: origin},
		protocol.TerminateInput{From: origin},
	} {
		if got := (protocol.Input{Body: body}).From(); got != origin {
			t.Errorf("%T is from %v, want %v", body, got, origin)
		}
	}
	for _, body := range []protocol.InputBody{
		nil, protocol.WorkerReady{}, protocol.SignalInput{}, protocol.SignalInput{From: &protocol.Origin{Run: "run-1"}},
	} {
		if got := (protocol.Input{Body: body}).From(); got != nil {
			t.Errorf("%T is from %v, want nobody", body, got)
		}
	}
}

func TestParentClosePolicy(t *testing.T) {
	t.Parallel()
	for _, p := range []protocol.ParentClosePolicy{
		"", protocol.ParentCloseTerminate, protocol.ParentCloseAbandon, protocol.ParentCloseRequestCancel,
	} {
		if err := p.Validate(); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
	if err := protocol.ParentClosePolicy("adopt").Validate(); protocol.AsError(err) == nil || protocol.AsError(err).Hint == "" {
		t.Errorf("adopt: %v", err)
	}
}
