package engine

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var counted = workflow.NewQuery[struct{}, int]("counted")

// roamer counts, and tells how far it has come. How often its code began is counted as well.
type roamer struct{ begun atomic.Int64 }

func (r *roamer) Count(ctx workflow.Context, until int) (int, error) {
	r.begun.Add(1)
	n := 0
	workflow.HandleQuery(ctx, counted, func(struct{}) (int, error) { return n, nil })
	workflow.HandleUpdate(ctx, add, func(_ workflow.Context, more int) (int, error) {
		n += more
		return n, nil
	})
	err := workflow.Await(ctx, func() bool { return n >= until && workflow.AllHandlersFinished(ctx) })
	return n, err
}

// counts asks a roamer how far it has come.
func counts(t *testing.T, e *rig.Engine, id string, want int) {
	t.Helper()
	if got, err := client.Query(t.Context(), e.Client(), id, counted, struct{}{}); err != nil || got != want {
		t.Fatalf("the query is answered with %d, %v, want %d", got, err, want)
	}
}

// dialed is a connection to the engine's NATS, as a process of its own has it.
func dialed(t *testing.T, e *rig.Engine, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(e.URL(), opts...)
	check(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// spied counts how often the end of a history was read since the last call.
func spied(t *testing.T, e *rig.Engine) (readings func() int) {
	t.Helper()
	nc := dialed(t, e)
	calls := make(chan *nats.Msg, 10_000)
	subjects := []string{"$JS.API.DIRECT.GET.*.mr.default.hist.>"}
	for shard := range shards {
		subjects = append(subjects, "$JS.API.STREAM.MSG.GET."+protocol.DefaultNamespace.HistoryStream(shard))
	}
	for _, subject := range subjects {
		_, err := nc.ChanSubscribe(subject, calls)
		check(t, err)
	}
	check(t, nc.Flush())
	return func() (n int) {
		t.Helper()
		check(t, nc.Flush())
		for ; len(calls) > 0; n++ {
			<-calls
		}
		return n
	}
}

// Workers that are busy have each other's runs to take on, again and again, and every query sees what the updates before it did: a worker
// that kept a run does not answer for it once another has taken it further, though hardly anybody reads history to find out.
func TestQueriesOfRunsThatMove(t *testing.T) {
	t.Parallel()
	const workers, runs, steps, queries = 3, 6, 60, 6
	e := rig.Start(t, sharded)
	r := &roamer{}
	for range workers {
		rig.WorkOver(t, dialed(t, e), rig.Queue, worker.Workflow(r.Count), worker.WorkflowSlots(1))
	}
	c, err := client.New(dialed(t, e))
	check(t, err)
	readings := spied(t, e)
	var group errgroup.Group
	for range runs {
		id := rig.Run(t, e, r.Count, steps+1).ID()
		group.Go(func() error {
			for n := range steps {
				if _, err := client.Update(t.Context(), c, id, add, 1); err != nil {
					return err
				}
				for range queries {
					got, err := client.Query(t.Context(), c, id, counted, struct{}{})
					switch {
					case errors.Is(err, protocol.ErrNoWorker): // they may all be busy
					case err != nil:
						return err
					case got != n+1:
						return fmt.Errorf("after %d updates a query of %s is answered with %d", n+1, id, got)
					}
				}
			}
			return nil
		})
	}
	check(t, group.Wait())
	moved, read := r.begun.Load()-runs, readings()
	t.Logf("%d of %d steps were taken anew, and %d of %d queries read history", moved, runs*steps, read, runs*steps*queries)
	if moved == 0 || read >= runs*steps*queries {
		t.Error("no run has moved, or all history was read: this shows nothing")
	}
}

// Whoever has told a run something need not read history to ask what became of it.
func TestQueriesBetweenUpdatesAndSignals(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, sharded)
	r, l := &roamer{}, &listener{}
	e.Work(t, worker.Workflow(r.Count), worker.Workflow(l.Listen))
	run, hearer, readings := rig.Run(t, e, r.Count, 10), rig.Run(t, e, l.Listen, 10), spied(t, e)
	ask(t, e, run.ID(), add, 1)
	signals(t, e, hearer.ID(), "0")
	words := []string{"0"}
	rig.Until(t, "what the server says of itself is known", func() bool {
		readings()
		counts(t, e, run.ID(), 1)
		hears(t, e, hearer.ID(), words...)
		return readings() == 0
	})
	for n := range 5 {
		ask(t, e, run.ID(), add, 1)
		counts(t, e, run.ID(), n+2)
		words = append(words, strconv.Itoa(n+1))
		signals(t, e, hearer.ID(), words[n+1])
		hears(t, e, hearer.ID(), words...)
	}
	if n := readings(); n != 0 {
		t.Errorf("history was read %d times for ten queries", n)
	}
}

// barrier is a dialer that gets nowhere while it is shut.
type barrier struct {
	mu   sync.Mutex
	shut bool
}

func (b *barrier) Dial(network, address string) (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shut {
		return nil, errors.New("the barrier is shut")
	}
	return net.Dial(network, address) //nolint:noctx // the interface has no context
}

func (b *barrier) set(shut bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shut = shut
}

// A worker that was cut off while another took its run on was told nothing, and does not say that it was.
func TestQueryOfAWorkerThatWasCutOff(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, sharded)
	r, b := &roamer{}, &barrier{}
	lost, back := make(chan struct{}, 10), make(chan struct{}, 10)
	first := dialed(t, e, nats.SetCustomDialer(b), nats.MaxReconnects(-1), nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { lost <- struct{}{} }), nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} }))
	rig.WorkOver(t, first, rig.Queue, worker.Workflow(r.Count))
	run, readings := rig.Run(t, e, r.Count, 10), spied(t, e)
	ask(t, e, run.ID(), add, 1)
	rig.Until(t, "nobody reads history any more", func() bool {
		readings()
		counts(t, e, run.ID(), 1)
		return readings() == 0
	})
	b.set(true)
	check(t, first.ForceReconnect())
	<-lost
	rig.WorkOver(t, dialed(t, e), rig.Queue, worker.Workflow(r.Count))
	ask(t, e, run.ID(), add, 1)
	b.set(false)
	<-back
	check(t, first.Flush()) // it is asked again
	counts(t, e, run.ID(), 2)
}
