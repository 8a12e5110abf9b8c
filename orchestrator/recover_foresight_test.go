package orchestrator

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Laps runs two activities, and does so in one more run. After its first step, each of a run's three is foreseen.
func (c *crew) Laps(ctx workflow.Context, left int) (string, error) {
	var all strings.Builder
	for range 2 {
		b, err := workflow.Do(ctx, c.B, struct{}{})
		if err != nil {
			return "", err
		}
		all.WriteString(b)
	}
	if left > 0 {
		return "", workflow.ContinueAsNew(ctx, c.Laps, left-1)
	}
	return all.String(), nil
}

// The node dies around a record that a worker foresaw: the result comes again, with the step, and the next node takes both, or neither.
func TestDeathAroundAForeseenStep(t *testing.T) {
	t.Parallel()
	const middle, betweenRuns, end = 2, 3, 6
	for _, tt := range []struct {
		at  moment
		via way
		n   int32
	}{
		{beforeRecord, direct, middle},
		{beforeRecord, viaInbox, betweenRuns},
		{beforeRecord, direct, end},
		{afterRecord, viaInbox, middle},
		{afterRecord, direct, betweenRuns},
		{afterRecord, direct, end},
		{beforeWord, direct, middle},
		{beforeWord, direct, betweenRuns},
	} {
		t.Run(fmt.Sprint(tt.at, ", ", tt.via, ", ", tt.n), func(t *testing.T) {
			t.Parallel()
			dieAround(t, tt.via, tt.at, tt.n)
		})
	}
}

// dieAround lets the node die around the nth record.
func dieAround(t *testing.T, via way, at moment, n int32) {
	t.Helper()
	c, records := newCrew(), atomic.Int32{}
	first := &mortal{at: at}
	first.dies = func(r *protocol.Record) bool {
		if records.Add(1) != n {
			return false
		}
		if _, asked := first.asked.Load(r.Nonce); asked {
			t.Log("this machine is too slow to foresee the step: the node dies around an ordinary one")
		}
		return true
	}
	r := newRelayOf(t, first, via, append(c.options(), worker.Workflow(c.Laps))...)
	run, err := client.Start(t.Context(), r.client, c.Laps, 1, client.ID("wf"))
	if err != nil {
		t.Fatal(err)
	}
	r.ends(run, "BB")
	var completed []int64
	for e, err := range r.client.History(t.Context(), "wf") {
		if err != nil {
			t.Fatal(err)
		}
		if a, ok := e.Attributes.(protocol.ActivityTaskCompleted); ok {
			completed = append(completed, a.ScheduledID)
		}
	}
	if !slices.Equal(completed, []int64{5, 11}) {
		t.Errorf("the activities of events %d completed", completed)
	}
}
