package virtual

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/orchestrator/collect"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
)

// Clients store the same few files over and over, take their time, start runs, take files from results, and delete those runs at once,
// while two collectors with the shortest grace period are at work. Every run reads its file, whenever it comes to that.
func TestFilesUnderPressure(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const clients, rounds = 3, 15
		e := rig.Start(t)
		e.Work(t, worker.Workflow(Borrow), worker.Activity(Read))
		store, err := jetstream.Open(t.Context(), e.Conn(), protocol.DefaultNamespace)
		if err != nil {
			t.Fatal(err)
		}
		over := make(chan struct{})
		var collectors, borrowers sync.WaitGroup
		collected := make([]int, 2)
		for i := range collected {
			collectors.Go(func() {
				for {
					done, err := orchestrator.Collector{Blobs: store, Grace: collect.MinGrace}.Run(t.Context())
					if err != nil {
						t.Error(err)
					}
					collected[i] += done.Deleted
					select {
					case <-over:
						return
					case <-time.After(minutes(40)):
					}
				}
			})
		}
		for i := range clients {
			borrowers.Go(func() {
				for round := range rounds {
					borrow(t, e, fmt.Sprintf("%d-%d", i, round))
				}
			})
		}
		borrowers.Wait()
		<-time.After(3 * collect.MinGrace)
		close(over)
		collectors.Wait()
		if collected[0]+collected[1] == 0 {
			t.Error("nothing was collected meanwhile")
		}
		t.Logf("%v files were collected", collected)
		if left := stored(t, e); len(left) != 0 {
			t.Errorf("%d files are left", len(left))
		}
	})
}

// minutes is some time, at most so many minutes.
func minutes(n int) time.Duration { return rand.N(time.Duration(n) * time.Minute) }

// borrow has a run read a file that a client stores, and another one that it returns; then both are deleted.
func borrow(t *testing.T, e *rig.Engine, id string) {
	t.Helper()
	text := fmt.Sprintf("file %d %s", rand.IntN(4), strings.Repeat("x", 1000))
	file, err := e.Client().PutBlob(t.Context(), strings.NewReader(text))
	if err != nil {
		t.Error(err)
		return
	}
	for _, which := range []string{"first", "second"} {
		<-time.After(minutes(20))
		run, err := client.Start(t.Context(), e.Client(), Borrow, Stay{file, minutes(180)}, client.ID(which+"-"+id), client.Queue(rig.Queue))
		if err != nil {
			t.Error(err)
			return
		}
		if file, err = run.Wait(t.Context()); err != nil {
			t.Errorf("%s %s: %v", which, id, err)
			return
		}
		for err = e.Client().Delete(t.Context(), run.ID()); errors.Is(err, protocol.ErrUnavailable); err = e.Client().Delete(t.Context(), run.ID()) {
			<-time.After(time.Second)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
