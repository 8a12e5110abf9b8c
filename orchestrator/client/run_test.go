package client

import (
	"testing"
	"time"
)

// Who waits asks less and less often, but soon again while nobody answers: the end of a run that is announced to nobody is heard of by asking.
func TestHowOftenWaitAsks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pause    time.Duration
		answered bool
		want     time.Duration
	}{
		{0, true, askFirst},
		{askFirst, true, 2 * askFirst},
		{askAtMost, true, askAtMost},
		{0, false, askFirst},
		{askFirst, false, 2 * askFirst},
		{askAtMost, false, askAway},
		{askAway, false, askAway},
		{askAway, true, 2 * askAway},
	} {
		if got := grown(test.pause, test.answered); got != test.want {
			t.Errorf("after %s, answered %t: %s, want %s", test.pause, test.answered, got, test.want)
		}
	}
}
