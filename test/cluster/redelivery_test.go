package cluster

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fleet"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic/verdict"
	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

const (
	// missed is how long it may take until another worker begins what one had in hand that was killed.
	missed = 10 * time.Second
	// toil is how long an activity takes: longer than the broker waits for a sign of life, so that a worker which lives has to give some.
	toil = 2 * jetstream.AckWait
)

// A worker is killed while it is in the middle of activities that take longer than the broker waits for a sign of life. Each of them is begun by
// another worker in time and done; and what the others have in hand is nobody else's meanwhile.
func TestLongActivitiesOfAKilledWorker(t *testing.T) {
	if testing.Short() {
		t.Skip("starts nine processes, and waits for activities that take long")
	}
	ledger := t.TempDir()
	f, err := fleet.Start(t.Context(), fleet.Options{Dir: t.TempDir(), Command: thisBinary, Ledger: ledger})
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var runs errgroup.Group
	const n = 18
	for i := range n {
		runs.Go(func() error { return toilAway(t.Context(), f, fmt.Sprint("toil-", i)) })
	}
	begun := func(notes []verdict.Note) []verdict.Note {
		return slices.DeleteFunc(notes, func(n verdict.Note) bool { return n.Kind != verdict.Began })
	}
	var inHand []verdict.Note
	victim := f.Workers[0]
	wait, cancel := context.WithTimeout(t.Context(), missed)
	defer cancel()
	if err := fleet.Until(wait, "all activities", func(context.Context) error {
		notes, err := traffic.Ledger(ledger)
		if inHand = begun(notes); err == nil && len(inHand) < n {
			err = fmt.Errorf("%d of %d have begun", len(inHand), n)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	victim.Kill()
	inHand = slices.DeleteFunc(inHand, func(n verdict.Note) bool { return n.Worker != victim.ID() })
	if len(inHand) == 0 {
		t.Fatalf("%s had no activity in hand when it was killed", victim.ID())
	}
	if err := runs.Wait(); err != nil {
		t.Fatal(err)
	}
	notes, err := traffic.Ledger(ledger)
	if err != nil {
		t.Fatal(err)
	}
	gaps := traffic.Redelivered(notes, victim.ID(), killed)
	if len(gaps) != len(inHand) {
		t.Fatalf("%s had %d activities in hand, and %d were begun by others", victim.ID(), len(inHand), len(gaps))
	}
	slices.Sort(gaps)
	t.Logf("%d activities that take %s were begun again after %s to %s", len(gaps), toil, gaps[0], gaps[len(gaps)-1])
	if last := gaps[len(gaps)-1]; last > missed {
		latef(t, "an activity was begun again after %s, want %s at most", last, missed)
	}
	if got := len(begun(notes)); got != n+len(gaps) {
		latef(t, "%d attempts of %d activities were begun, and %d were interrupted: a worker that lives was taken for dead", got, n, len(gaps))
	}
}

// toilAway has a run do one long activity.
func toilAway(ctx context.Context, f *fleet.Fleet, id string) error {
	nc, err := f.Connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	c, err := client.New(nc, client.DefaultQueue("chaos"))
	if err != nil {
		return err
	}
	run, err := client.Start(ctx, c, traffic.Toil, traffic.Job{Name: id, Take: protocol.Duration(toil)}, client.ID(id))
	if err != nil {
		return err
	}
	done, err := run.Wait(ctx)
	if err == nil && done.Name != id {
		err = fmt.Errorf("%s came to %q", id, done.Name)
	}
	return err
}
