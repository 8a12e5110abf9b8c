package engine

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
)

const shards = 4

func sharded(o *orchestrator.Options) { o.Shards, o.Listen = shards, "127.0.0.1:0" }

// join attaches another node to the engine's NATS, over a connection of its own.
func join(t *testing.T, e *rig.Engine, name string) (*orchestrator.Server, *nats.Conn) {
	t.Helper()
	nc := dialed(t, e)
	srv, err := orchestrator.Attach(t.Context(), nc, orchestrator.Options{Node: name, Logger: rig.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := srv.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return srv, nc
}

// owners counts the shards of every node.
func owners(t *testing.T, e *rig.Engine) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, l := range leases(t, e) {
		n[l.Node]++
	}
	return n
}

// greetMany runs workflows on every shard.
func greetMany(t *testing.T, e *rig.Engine, label string) {
	t.Helper()
	var runs []*client.Run[string]
	for i := range 20 {
		runs = append(runs, rig.Run(t, e, Greet, "Ada", client.ID(fmt.Sprintf("%s-%d", label, i))))
	}
	for _, r := range runs {
		if got := rig.Result(t, r); got != "Hello Ada" {
			t.Errorf("%s: got %q", r.ID(), got)
		}
	}
}

// away dials the engine of the moment.
type away struct{ engine atomic.Pointer[rig.Engine] }

func (a *away) Dial(network, _ string) (net.Conn, error) {
	return net.Dial(network, strings.TrimPrefix(a.engine.Load().URL(), "nats://")) //nolint:noctx // the interface has none
}

// A worker may live longer than its NATS: one that comes back with nothing in it knows the worker again, and the worker its new runs.
func TestWorkerOutlivesItsNATS(t *testing.T) {
	t.Parallel()
	var a away
	e := rig.Start(t, sharded)
	a.engine.Store(e)
	nc, err := nats.Connect("nats://127.0.0.1:1", nats.SetCustomDialer(&a), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	check(t, err)
	t.Cleanup(nc.Close)
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	w := worker.New(nc, rig.Queue, worker.Workflow(Greet), worker.Activity(Hello), worker.Logger(rig.Logger(t)),
		worker.OnReady(func() { close(ready) }))
	go func() { ended <- w.Run(ctx) }()
	<-ready
	greetMany(t, e, "before")
	e.Halt(t)
	e = rig.Start(t, sharded)
	a.engine.Store(e)
	rig.Until(t, "the worker is listed again", func() bool {
		live, err := e.Client().Workers(t.Context(), rig.Queue)
		return err == nil && len(live) == 1 && live[0].ID == w.ID()
	})
	greetMany(t, e, "after")
	cancel()
	check(t, <-ended)
	if live, err := e.Client().Workers(t.Context(), ""); err != nil || len(live) > 0 {
		t.Errorf("after its end listed are %v, %v", live, err)
	}
}

// Two nodes share the shards; one that leaves hands its shards over.
func TestNodesShareTheShards(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, sharded)
	e.Work(t, worker.Workflow(Greet), worker.Activity(Hello))
	second, _ := join(t, e, "second")
	rig.Until(t, "two shards each", func() bool { n := owners(t, e); return n["embedded"] == 2 && n["second"] == 2 })
	greetMany(t, e, "shared")
	if err := second.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	rig.Until(t, "all shards with the first", func() bool { return owners(t, e)["embedded"] == shards })
	greetMany(t, e, "alone")
}

// A node that is cut off says nothing; the other one misses it, and takes its shards and their open runs over.
func TestNodeTakesOver(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, sharded)
	e.Work(t, worker.Workflow(Collect), worker.Workflow(Greet), worker.Activity(Hello))
	_, cut := join(t, e, "second")
	rig.Until(t, "two shards each", func() bool { return owners(t, e)["second"] == 2 })
	var runs []*client.Run[[]string]
	for i := range 10 {
		runs = append(runs, rig.Run(t, e, Collect, 1, client.ID(fmt.Sprintf("open-%d", i))))
	}
	cut.Close()
	rig.Until(t, "all shards with the first", func() bool { return owners(t, e)["embedded"] == shards })
	for _, r := range runs {
		if err := client.Signal(t.Context(), e.Client(), r.ID(), word, "on"); err != nil {
			t.Fatal(err)
		}
		if got := rig.Result(t, r); len(got) != 1 || got[0] != "on" {
			t.Errorf("%s: got %q", r.ID(), got)
		}
	}
	greetMany(t, e, "after")
}

// A node that stood still, or was cut off, is taken for dead and forgotten. When it is back, the others know it again.
func TestAForgottenNodeIsBack(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, sharded)
	second, nc := join(t, e, "second")
	shared := func() bool { n := owners(t, e); return n["embedded"] == 2 && n["second"] == 2 }
	rig.Until(t, "two shards each", shared)
	store, err := jetstream.Open(t.Context(), nc, protocol.DefaultNamespace)
	check(t, err)
	for _, node := range []string{"second", "embedded"} { // one after the other, until each would believe that it is alone
		check(t, store.Forget(t.Context(), node))
	}
	known := func() []string {
		nodes, err := store.Nodes(t.Context())
		check(t, err)
		var names []string
		for _, n := range nodes {
			names = append(names, n.ID)
		}
		slices.Sort(names)
		return names
	}
	rig.Until(t, "both nodes to be known", func() bool { return slices.Equal(known(), []string{"embedded", "second"}) })
	rig.Until(t, "two shards each again", shared)
	check(t, second.Stop(t.Context()))
	if got := known(); !slices.Equal(got, []string{"embedded"}) {
		t.Errorf("after one has left, %v are known", got)
	}
}

// What waits, waits in NATS: a process that comes back on the same directory goes on where the last one was.
func TestRestart(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	stop := e.Work(t, worker.Workflow(Collect))
	run := rig.Run(t, e, Collect, 2)
	if err := client.Signal(t.Context(), e.Client(), run.ID(), word, "before"); err != nil {
		t.Fatal(err)
	}
	stop()
	e.Halt(t)

	e = rig.Start(t, rig.In(e.Dir))
	e.Work(t, worker.Workflow(Collect))
	if err := client.Signal(t.Context(), e.Client(), run.ID(), word, "after"); err != nil {
		t.Fatal(err)
	}
	got := rig.Result(t, client.Get[[]string](e.Client(), run.ID(), run.RunID()))
	if len(got) != 2 || got[0] != "before" || got[1] != "after" {
		t.Errorf("got %q", got)
	}
}
