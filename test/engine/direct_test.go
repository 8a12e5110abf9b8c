package engine

import (
	"fmt"
	"sync"
	"testing"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Census collects words, and begins a new run after every third.
func Census(ctx workflow.Context, heard []string) ([]string, error) {
	for range 3 {
		w, err := workflow.Receive(ctx, word)
		if err != nil {
			return nil, err
		}
		if w == "end" {
			return heard, nil
		}
		heard = append(heard, w)
	}
	return nil, workflow.ContinueAsNew(ctx, Census, heard)
}

// Every signal comes twice, directly and through the inbox, as it does when its sender hears no answer in time. It is received once,
// although runs follow each other all the while.
func TestSignalsOnBothWays(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Census))
	run := rig.Run(t, e, Census, nil, client.ID("tally"))
	inbox, err := jetstream.Open(t.Context(), e.Conn(), protocol.DefaultNamespace)
	if err != nil {
		t.Fatal(err)
	}
	const senders, each = 4, 25
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for i := range each {
				value, err := protocol.Encode(fmt.Sprintf("%d-%d", s, i))
				if err != nil {
					t.Error(err)
				}
				in := protocol.SignalInput{Name: word.Name(), Input: value, RequestID: fmt.Sprintf("request-%d-%d", s, i)}
				first := func() error { _, err := inbox.Ask(t.Context(), "tally", in, in.RequestID); return err }
				second := func() error { return inbox.Tell(t.Context(), "tally", in, in.RequestID+"-again", "") }
				if i%2 == 1 {
					first, second = second, first
				}
				if err := first(); err != nil {
					t.Error(err)
				}
				if err := second(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	signals(t, e, "tally", "end")
	heard := rig.Result(t, run)
	times := map[string]int{}
	for _, w := range heard {
		times[w]++
	}
	for w, n := range times {
		if n != 1 {
			t.Errorf("%s was heard %d times", w, n)
		}
	}
	if len(times) != senders*each {
		t.Errorf("%d signals were heard, want %d", len(times), senders*each)
	}
}
