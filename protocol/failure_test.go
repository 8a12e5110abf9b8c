package protocol_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

type outOfStock struct{ item string }

func (e outOfStock) Error() string { return e.item + " is out of stock" }

// final is an error that knows its own failure.
type final struct{ error }

func (e final) Unwrap() error { return e.error }

func (final) ApplicationFailure() *protocol.ApplicationFailure {
	return &protocol.ApplicationFailure{Type: "shop.Final", NonRetryable: true}
}

// wire sends a failure over the wire, so that a test asks what the other side sees.
func wire(t *testing.T, f *protocol.Failure) *protocol.Failure {
	t.Helper()
	data, err := protocol.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var back protocol.Failure
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	return &back
}

func TestFailureTree(t *testing.T) {
	t.Parallel()
	activity := &protocol.Failure{
		Message:  "activity shop.Reserve failed",
		Activity: &protocol.ActivityFailure{ActivityType: "shop.Reserve", ActivityID: "1", RetryState: protocol.RetryMaximumAttemptsReached},
		Cause:    protocol.NewFailure(outOfStock{"lamp"}),
	}
	err := error(wire(t, protocol.NewFailure(fmt.Errorf("order 42: %w", activity))))

	app, ok := errors.AsType[*protocol.ApplicationFailure](errors.Unwrap(errors.Unwrap(err)))
	if !ok || app.Type != "outOfStock" {
		t.Errorf("the application failure is %+v", app)
	}
	if act, ok := errors.AsType[*protocol.ActivityFailure](err); !ok || act.ActivityType != "shop.Reserve" {
		t.Errorf("the activity failure is %+v", act)
	}
	if to, ok := errors.AsType[*protocol.TimeoutFailure](err); ok {
		t.Errorf("there is a timeout: %+v", to)
	}
	if errors.Is(err, protocol.ErrCanceled) {
		t.Error("it passes for a cancellation")
	}
	if want := "order 42: activity shop.Reserve failed: lamp is out of stock"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestFailureKinds(t *testing.T) {
	t.Parallel()
	declinedThenLate := protocol.TimeoutError(protocol.TimeoutScheduleToClose, "late", declined)
	for name, c := range map[string]struct {
		err                          error
		application, timeout, cancel bool
	}{
		"plain":             {err: errors.New("no"), application: true},
		"typed":             {err: &outOfStock{"lamp"}, application: true},
		"knows itself":      {err: fmt.Errorf("charge: %w", final{errors.New("no")}), application: true},
		"timeout":           {err: protocol.TimeoutError(protocol.TimeoutHeartbeat, "late", nil), timeout: true},
		"timeout after":     {err: declinedThenLate, timeout: true, application: true},
		"canceled":          {err: protocol.CanceledError("stop"), cancel: true},
		"sentinel":          {err: protocol.ErrCanceled, cancel: true},
		"wrapped cancel":    {err: fmt.Errorf("a: %w", fmt.Errorf("b: %w", protocol.CanceledError("stop"))), cancel: true},
		"joined cancel":     {err: errors.Join(errors.New("x"), protocol.CanceledError("stop")), cancel: true},
		"wrapped timeout":   {err: fmt.Errorf("a: %w", declinedThenLate), timeout: true, application: true},
		"terminated":        {err: &protocol.Failure{Message: "ended", Terminated: &protocol.TerminatedFailure{Identity: who}}},
		"terminated within": {err: fmt.Errorf("a: %w", &protocol.Failure{Terminated: &protocol.TerminatedFailure{}}), application: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := wire(t, protocol.NewFailure(c.err))
			if _, ok := errors.AsType[*protocol.ApplicationFailure](f); ok != c.application {
				t.Errorf("application: %v, want %v", ok, c.application)
			}
			if _, ok := errors.AsType[*protocol.TimeoutFailure](f); ok != c.timeout {
				t.Errorf("timeout: %v, want %v", ok, c.timeout)
			}
			if ok := errors.Is(f, protocol.ErrCanceled); ok != c.cancel {
				t.Errorf("canceled: %v, want %v", ok, c.cancel)
			}
			if _, ok := errors.AsType[*protocol.CanceledFailure](f); ok != c.cancel {
				t.Errorf("canceled with details: %v, want %v", ok, c.cancel)
			}
			if f.Error() != c.err.Error() {
				t.Errorf("it says %q, want %q", f.Error(), c.err.Error())
			}
		})
	}
	if protocol.NewFailure(nil) != nil {
		t.Error("no error makes a failure")
	}
	if f := protocol.NewFailure(declined); f != declined {
		t.Error("a failure is made anew")
	}
	if f := protocol.NewFailure(fmt.Errorf("charge: %w", final{errors.New("no")})); !f.Application.NonRetryable {
		t.Error("an error that knows its own failure is not asked")
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	err := protocol.Errorf(protocol.CodeNotFound, "there is no workflow %q", "x").WithHint("try %s", "list")
	data, marshalErr := protocol.Marshal(protocol.ErrorAnswer{Error: err})
	if want := `{"error":{"code":"not_found","message":"there is no workflow \"x\"","hint":"try list"}}`; string(data) != want {
		t.Errorf("got %s, %v, want %s", data, marshalErr, want)
	}
	var back protocol.ErrorAnswer
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	wrapped := fmt.Errorf("describe: %w", back.Error)
	if !errors.Is(wrapped, protocol.ErrNotFound) || errors.Is(wrapped, protocol.ErrClosed) {
		t.Error("errors match by code, over the wire too")
	}
	if got := protocol.AsError(wrapped); got != back.Error {
		t.Errorf("AsError finds %v", got)
	}
	if got := protocol.AsError(errors.New("oops")); got.Code != protocol.CodeInternal || got.Message != "oops" {
		t.Errorf("AsError makes %+v of a foreign error", got)
	}
	if protocol.AsError(nil) != nil {
		t.Error("AsError makes an error of nil")
	}
}
