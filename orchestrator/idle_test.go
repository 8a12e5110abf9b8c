package orchestrator

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// napping is an actor whose run is open and which has just done something.
func napping(t *testing.T, s *shard, id string) *actor {
	t.Helper()
	at := time.Now()
	w := machine.New(id)
	err := w.Apply(1, "", &protocol.Record{
		Version: protocol.RecordVersion, Workflow: id, Run: "run-" + id, Step: 1, Nonce: "nonce", Time: at,
		Events: []protocol.Event{{ID: 1, Time: at, Attributes: protocol.WorkflowExecutionStarted{WorkflowType: "Nap", Queue: "q"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	a := &actor{shard: s, id: id, w: w}
	s.actors[id] = a
	return a
}

// sleepers runs a test with a shard without a store, in virtual time.
func sleepers(t *testing.T, test func(t *testing.T, s *shard, fallAsleep func(*actor), remembered func(want int))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s := newShard(ctx, 0, protocol.DefaultNamespace, nil, nil, slog.New(slog.DiscardHandler), func() string { return "" })
		fallAsleep := func(a *actor) {
			if !s.sleep(a) {
				t.Errorf("%s did not fall asleep", a.id)
			}
		}
		remembered := func(want int) {
			t.Helper()
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.actors) != want {
				t.Errorf("%d workflows are in memory, want %d", len(s.actors), want)
			}
		}
		test(t, s, fallAsleep, remembered)
	})
}

// A workflow that sleeps for a while is forgotten; one that does something now and then is not.
func TestSleepersAreForgotten(t *testing.T) {
	t.Parallel()
	sleepers(t, func(t *testing.T, s *shard, fallAsleep func(*actor), remembered func(int)) {
		busy := napping(t, s, "busy")
		fallAsleep(napping(t, s, "idle"))
		for range 4 {
			fallAsleep(busy)
			<-time.After(idleFor / 2)
		}
		remembered(1)
		<-time.After(idleFor)
		remembered(0)
	})
}

// Those that have slept longest make room.
func TestSleepersMakeRoom(t *testing.T) {
	t.Parallel()
	sleepers(t, func(t *testing.T, s *shard, fallAsleep func(*actor), remembered func(int)) {
		for i := range maxIdle + 10 {
			fallAsleep(napping(t, s, strconv.Itoa(i)))
		}
		remembered(maxIdle)
		if s.actors["9"] != nil || s.actors["10"] == nil {
			t.Error("the wrong ones were forgotten")
		}
	})
}

// A step that fails is tried again after waits that grow: the actor that counts the attempts outlives the longest.
func TestSleepersOutliveTheWaitForAStep(t *testing.T) {
	t.Parallel()
	if idleFor <= machine.MaxTaskBackoff {
		t.Errorf("a workflow is forgotten after %s, before its step is tried again after %s", idleFor, machine.MaxTaskBackoff)
	}
}
