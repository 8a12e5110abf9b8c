package activity_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
)

func TestNoErrorStaysNone(t *testing.T) {
	t.Parallel()
	if err := activity.Terminal(nil); err != nil {
		t.Errorf("Terminal(nil) is %v", err)
	}
	if err := activity.RetryAfter(nil, time.Hour); err != nil {
		t.Errorf("RetryAfter(nil) is %v", err)
	}
}

// What an error says to the retry policy, however it was wrapped on its way out of the activity.
func TestErrorSaysWhatFollows(t *testing.T) {
	t.Parallel()
	const minute = protocol.Duration(time.Minute)
	broke := activity.NewError("NoMoney", "broke", nil)
	type says = protocol.ApplicationFailure
	noFile := &fs.PathError{Err: fs.ErrNotExist}
	tests := map[string]struct {
		err  error
		want says
	}{
		"terminal":                  {activity.Terminal(broke), says{Type: "NoMoney", NonRetryable: true}},
		"retry after":               {activity.RetryAfter(broke, time.Minute), says{Type: "NoMoney", NextRetryDelay: minute}},
		"a Go error keeps its type": {activity.Terminal(noFile), says{Type: "PathError", NonRetryable: true}},
		"wrapped":                   {fmt.Errorf("pay: %w", activity.Terminal(broke)), says{Type: "NoMoney", NonRetryable: true}},
		"joined with another":       {errors.Join(noFile, activity.Terminal(broke)), says{Type: "NoMoney", NonRetryable: true}},
		"terminal after a wait": {
			activity.Terminal(activity.RetryAfter(broke, time.Minute)),
			says{Type: "NoMoney", NonRetryable: true, NextRetryDelay: minute},
		},
		"a wait does not mend what is terminal": {
			activity.RetryAfter(activity.Terminal(broke), time.Minute),
			says{Type: "NoMoney", NonRetryable: true, NextRetryDelay: minute},
		},
		"details that are no JSON": {activity.NewError("NoMoney", "broke", func() {}), says{Type: "NoMoney"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := protocol.NewFailure(tt.err)
			if f.Application == nil || *f.Application != tt.want {
				t.Errorf("got %+v, want %+v", f.Application, tt.want)
			}
			if f.Message != tt.err.Error() {
				t.Errorf("the message is %q, want %q", f.Message, tt.err)
			}
		})
	}
}

// A mark is put on a copy, so that an error that is kept in a variable does not become terminal for everybody.
func TestMarkingAnErrorLeavesTheOriginalAlone(t *testing.T) {
	t.Parallel()
	original := activity.NewError("Busy", "come back", nil)
	_ = activity.Terminal(original)
	_ = activity.RetryAfter(original, time.Hour)
	if app := protocol.NewFailure(original).Application; app.NonRetryable || app.NextRetryDelay != 0 {
		t.Errorf("the original says %+v", app)
	}
}

func TestMarksAreTransparent(t *testing.T) {
	t.Parallel()
	for _, err := range []error{activity.Terminal(&fs.PathError{Err: fs.ErrNotExist}), activity.RetryAfter(fs.ErrNotExist, 1)} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v no longer is %v", err, fs.ErrNotExist)
		}
	}
}

func TestDetailsTravelWithTheError(t *testing.T) {
	t.Parallel()
	f := protocol.NewFailure(activity.Terminal(activity.NewError("NoMoney", "broke", map[string]int{"missing": 7})))
	var got map[string]int
	if err := f.Application.Details.Decode(&got); err != nil || got["missing"] != 7 {
		t.Errorf("got %v, %v", got, err)
	}
	lost := activity.NewError("NoMoney", "broke", func() {})
	if !strings.HasPrefix(lost.Error(), "broke (and its details are lost: ") {
		t.Errorf("details that cannot travel: %v", lost)
	}
}
