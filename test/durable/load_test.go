package durable

import (
	"context"
	"errors"
	"flag"
	"fmt"
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
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var seed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of what is left to chance: moments and places")

func TestMain(m *testing.M) {
	if played() {
		return
	}
	rig.Main(m)
}

var approve = workflow.NewSignal[int]("approve")

// Order has everything that can be lost: activities, a retry, a timer, a signal and a child.
func Order(ctx workflow.Context, in int) (int, error) {
	sum, err := workflow.Do(ctx, Add, in)
	if err != nil {
		return 0, err
	}
	if err := workflow.Sleep(ctx, 100*time.Millisecond); err != nil {
		return 0, err
	}
	by, err := workflow.Receive(ctx, approve)
	if err != nil {
		return 0, err
	}
	item, err := workflow.DoChild(ctx, Item, sum+by, workflow.ChildID(fmt.Sprintf("item-%d", in)))
	if err != nil {
		return 0, err
	}
	return workflow.Do(ctx, Flaky, item, workflow.Retry(workflow.RetryPolicy{InitialInterval: workflow.Duration(50 * time.Millisecond)}))
}

// Item is the child.
func Item(ctx workflow.Context, in int) (int, error) { return workflow.Do(ctx, Add, in) }

// Add adds one.
func Add(_ context.Context, in int) (int, error) { return in + 1, nil }

// Flaky fails at first.
func Flaky(ctx context.Context, in int) (int, error) {
	if activity.Info(ctx).Attempt == 1 {
		return 0, errors.New("not yet")
	}
	return in + 1, nil
}

// result is what Order returns for an input, approved by one.
func result(in int) int { return in + 4 }

// work are the options of a worker that runs all of this.
func work() []worker.Option {
	return []worker.Option{
		worker.Workflow(Order), worker.Workflow(Item), worker.Activity(Add), worker.Activity(Flaky), worker.Slots(50),
	}
}

// ledger is what a client was told, and when.
type ledger struct {
	mu                      sync.Mutex
	started, approved, done map[int]time.Time
}

func newLedger() *ledger {
	return &ledger{started: map[int]time.Time{}, approved: map[int]time.Time{}, done: map[int]time.Time{}}
}

func (l *ledger) note(what map[int]time.Time, i int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	what[i] = time.Now()
}

// before are those noted before a moment.
func (l *ledger) before(what map[int]time.Time, at time.Time) map[int]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := map[int]bool{}
	for i, t := range what {
		if t.Before(at) {
			found[i] = true
		}
	}
	return found
}

// patience is how long a run may take to its end.
const patience = 30 * time.Second

func orderID(i int) string { return fmt.Sprintf("order-%d", i) }

// orders starts workflows one after the other from several sides until ctx ends, and notes what it is told.
func (l *ledger) orders(ctx context.Context, c *client.Client, sides int) {
	var all sync.WaitGroup
	var next atomic.Int64
	for range sides {
		all.Go(func() {
			for ctx.Err() == nil {
				l.order(ctx, c, int(next.Add(1)))
			}
		})
	}
	all.Wait()
}

// order runs one workflow. Whatever fails is left as it is: only what was acknowledged counts.
func (l *ledger) order(ctx context.Context, c *client.Client, i int) {
	run, err := client.Start(ctx, c, Order, i, client.ID(orderID(i)), client.RequestID(orderID(i)))
	if err != nil {
		return
	}
	l.note(l.started, i)
	if err := approveIt(ctx, c, i); err != nil {
		return
	}
	l.note(l.approved, i)
	if i%3 == 0 { // nobody waits for it
		return
	}
	if _, err := run.Wait(ctx); err == nil {
		l.note(l.done, i)
	}
}

func approveIt(ctx context.Context, c *client.Client, i int) error {
	return client.Signal(ctx, c, orderID(i), approve, 1, client.WithRequestID("approve-"+orderID(i)))
}

// connect connects for good.
func connect(t *testing.T, url string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.RetryOnFailedConnect(true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// promise is what must be there.
type promise struct{ started, approved, done map[int]bool }

// promised is what was acknowledged before a moment.
func (l *ledger) promised(at time.Time) promise {
	return promise{l.before(l.started, at), l.before(l.approved, at), l.before(l.done, at)}
}

// load has workflows started on an engine from eight sides, until stop is called.
func load(t *testing.T, e *rig.Engine) (l *ledger, stop func()) {
	t.Helper()
	c, err := client.New(e.Conn(), client.DefaultQueue(rig.Queue))
	if err != nil {
		t.Fatal(err)
	}
	l = newLedger()
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		l.orders(ctx, c, 8)
	}()
	return l, func() {
		cancel()
		<-over
	}
}

// hold checks an engine against what was promised: what was acknowledged is there, what is there was asked for, all of it ends as it should,
// and nothing happened twice.
func (p promise) hold(t *testing.T, e *rig.Engine) {
	t.Helper()
	c := e.Client()
	there, items := map[string]bool{}, map[string]int{}
	for row, err := range c.List(t.Context(), protocol.ListRequest{}) {
		if err != nil {
			t.Fatal(err)
		}
		there[row.ID] = true
		if items[row.ID]++; items[row.ID] > 1 {
			t.Errorf("%s has run %d times", row.ID, items[row.ID])
		}
	}
	for i := range p.started {
		if _, err := c.Describe(t.Context(), orderID(i)); err != nil {
			t.Errorf("%s was started: %v", orderID(i), err)
			continue
		}
		there[orderID(i)] = true
	}
	var all errgroup.Group
	n := 0
	for id := range there {
		var i int
		if _, err := fmt.Sscanf(id, "order-%d", &i); err != nil || id != orderID(i) {
			continue
		}
		n++
		all.Go(func() error {
			err := p.ends(t, c, i)
			if errors.Is(err, protocol.ErrNotFound) && !p.started[i] {
				rig.Until(t, "the row of "+id+", which is lost, to go", func() bool { return !listed(t, c, id) })
			} else if err != nil {
				t.Errorf("%s: %v", id, err)
			}
			return nil
		})
	}
	_ = all.Wait()
	t.Logf("%d runs are there, %d were promised", n, len(p.started))
}

// listed reports whether a list shows a run of a workflow.
func listed(t *testing.T, c *client.Client, id string) bool {
	t.Helper()
	for row, err := range c.List(t.Context(), protocol.ListRequest{}) {
		if err == nil && row.ID == id {
			return true
		}
	}
	return false
}

// ends checks one run.
func (p promise) ends(t *testing.T, c *client.Client, i int) error {
	t.Helper()
	id := orderID(i)
	events, err := history(t.Context(), c, id)
	if err != nil {
		return err
	}
	signals := len(rig.Find[protocol.WorkflowExecutionSignaled](events))
	closed := len(rig.Find[protocol.WorkflowExecutionCompleted](events)) > 0
	switch {
	case signals == 0 && p.approved[i]:
		return errors.New("its signal is lost")
	case signals > 1:
		return fmt.Errorf("it has %d signals", signals)
	case p.done[i] && !closed:
		return errors.New("its result is lost")
	case signals == 0:
		// Its sender may have been told nothing; asking again is what it would do.
		if err := approveIt(t.Context(), c, i); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := client.Get[int](c, id, "").Wait(ctx)
	if err != nil || got != result(i) {
		is, _ := c.Describe(t.Context(), id)
		return fmt.Errorf("it ends with %d, %w, want %d; it is %+v", got, err, result(i), is)
	}
	return once(t.Context(), c, id)
}

// once reads a history that has ended: dense, each activity asked for once and answered once, one signal, one child.
func once(ctx context.Context, c *client.Client, id string) error {
	events, err := history(ctx, c, id)
	if err != nil {
		return err
	}
	for what, n := range map[string]int{
		"signals":               len(rig.Find[protocol.WorkflowExecutionSignaled](events)) - 1,
		"activities":            len(rig.Find[protocol.ActivityTaskScheduled](events)) - 2,
		"results of activities": len(rig.Find[protocol.ActivityTaskCompleted](events)) - 2,
		"children":              len(rig.Find[protocol.StartChildWorkflowExecutionInitiated](events)) - 1,
		"ends of children":      len(rig.Find[protocol.ChildWorkflowExecutionCompleted](events)) - 1,
		"ends":                  len(rig.Find[protocol.WorkflowExecutionCompleted](events)) - 1,
	} {
		if n != 0 {
			return fmt.Errorf("there are %+d %s too many", n, what)
		}
	}
	return nil
}

// history reads the events of a run, which are dense.
func history(ctx context.Context, c *client.Client, id string) ([]protocol.Event, error) {
	var events []protocol.Event
	for e, err := range c.History(ctx, id) {
		if err != nil {
			return nil, err
		}
		if events = append(events, e); e.ID != int64(len(events)) {
			return nil, fmt.Errorf("event %d comes after %d others", e.ID, len(events)-1)
		}
	}
	return events, nil
}
