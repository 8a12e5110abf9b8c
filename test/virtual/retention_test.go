package virtual

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
)

// Runs that ended are gone when their time is over, with their rows; a run that sleeps stays, however old its records are, and so
// does what ended just now. An ID that was used before is as good as new.
func TestRetention(t *testing.T) {
	if testing.Short() {
		t.Skip("days of pulses, one a second")
	}
	virtual(t, func(t *testing.T) {
		e := rig.Start(t, func(o *orchestrator.Options) { o.Retention = 24 * time.Hour })
		e.Work(t, worker.Workflow(Nap))
		old := rig.Run(t, e, Nap, time.Second, client.ID("old"))
		rig.Result(t, old)
		first := rig.Run(t, e, Nap, time.Second, client.ID("twice"))
		rig.Result(t, first)
		asleep := rig.Run(t, e, Nap, 72*time.Hour, client.ID("asleep"))

		<-time.After(20 * time.Hour)
		second := rig.Run(t, e, Nap, time.Second, client.ID("twice"))
		rig.Result(t, second)

		<-time.After(6 * time.Hour)
		gone(t, e, "old", "")
		gone(t, e, "twice", first.RunID())
		if got, want := rows(t, e), []string{"asleep/" + asleep.RunID(), "twice/" + second.RunID()}; !slices.Equal(got, want) {
			t.Errorf("the rows are %v, want %v", got, want)
		}
		rig.Result(t, second)

		anew := rig.Run(t, e, Nap, time.Second, client.ID("old"), client.Reuse(protocol.ReuseReject))
		rig.Result(t, anew)
		<-time.After(24 * time.Hour)
		gone(t, e, "twice", "")
		if slept := rig.Result(t, asleep); slept < 72*time.Hour {
			t.Errorf("the workflow slept for %s", slept)
		}
		gone(t, e, "old", "")
	})
}

// gone checks that nothing tells of a run any more.
func gone(t *testing.T, e *rig.Engine, id, run string) {
	t.Helper()
	_, err := e.Client().Describe(t.Context(), id, client.InRun(run))
	if !errors.Is(err, protocol.ErrNotFound) {
		t.Errorf("describe %s %s: %v", id, run, err)
	}
	for _, err := range e.Client().History(t.Context(), id, client.InRun(run)) {
		if !errors.Is(err, protocol.ErrNotFound) {
			t.Errorf("the history of %s %s: %v", id, run, err)
		}
	}
}

func rows(t *testing.T, e *rig.Engine) (found []string) {
	t.Helper()
	for row, err := range e.Client().List(t.Context(), protocol.ListRequest{}) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, row.ID+"/"+row.Run)
	}
	slices.Sort(found)
	return found
}
