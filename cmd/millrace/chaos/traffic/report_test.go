package traffic_test

import (
	"slices"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic/verdict"
)

// An activity counts as redelivered if the worker had it in hand at that moment, and another began it afterwards.
func TestRedelivered(t *testing.T) {
	t.Parallel()
	at := time.Now()
	note := func(seconds int, worker, activity string, kind verdict.NoteKind) verdict.Note {
		return verdict.Note{Time: at.Add(time.Duration(seconds) * time.Second), Worker: worker, Run: "run", Activity: activity, Kind: kind}
	}
	got := traffic.Redelivered([]verdict.Note{
		note(-9, "ada", "lost before", verdict.Began),
		note(-8, "ada", "done before", verdict.Began),
		note(-7, "ada", "done before", verdict.Did),
		note(-6, "bob", "lost before", verdict.Began),
		note(-5, "ada", "in hand", verdict.Began),
		note(-4, "bob", "another's", verdict.Began),
		note(-3, "ada", "nobody's", verdict.Began),
		note(6, "bob", "in hand", verdict.Began),
		note(7, "eve", "in hand", verdict.Began),
		note(8, "eve", "done before", verdict.Began),
	}, "ada", at)
	if want := []time.Duration{6 * time.Second}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
