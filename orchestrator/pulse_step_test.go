package orchestrator

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace-dev/millrace/protocol"
)

// A node that stood still takes no step before it has looked whose its shards are, although it reads the history as it is now: an input of
// the inbox may have been refused by whoever has the shard, who has told its sender so and removed it.
func TestANodeThatStoodStillTakesNoStep(t *testing.T) {
	t.Parallel()
	for name, owns := range map[string]bool{"the shard is its own": true, "it is another's": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRelay(t, direct, never, chains()...)
			<-r.ready
			r.start("waits")
			before, err := r.store.Last(t.Context(), 0, "wf")
			must(t, err)
			asked := make(chan struct{}, 1)
			old := newShard(t.Context(), 0, protocol.DefaultNamespace, r.store, r.rows(r.store), slog.New(slog.DiscardHandler), uuid.NewString)
			old.pulse = newPulse(func() { asked <- struct{}{} })
			defer old.pulse.end()
			old.pulse.mu.Lock()
			old.pulse.last = time.Now().Add(-time.Minute)
			old.pulse.mu.Unlock()
			a := &actor{shard: old, id: "wf", known: true}
			in := protocol.Input{
				Seq: 1000, Time: time.Now(), Workflow: "wf", ID: "late", Body: protocol.SignalInput{Name: two.Name(), RequestID: "late"},
			}
			stepped := make(chan error, 1)
			go func() { stepped <- a.step(old.ctx, []item{{input: in, done: func() {}}}) }()
			select {
			case <-asked:
			case err := <-stepped:
				t.Fatalf("the step was taken, and came to %v", err)
			}
			if owns {
				old.pulse.trust(old.pulse.doubt())
			} else {
				old.cancel()
			}
			if err := <-stepped; err != nil && owns {
				t.Fatal(err)
			}
			after, err := r.store.Last(t.Context(), 0, "wf")
			must(t, err)
			if recorded := after.Seq > before.Seq; recorded != owns {
				t.Errorf("the signal was recorded: %t", recorded)
			}
			old.stop(t.Context(), nil)
		})
	}
}
