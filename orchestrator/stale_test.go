package orchestrator

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// A NATS server whose disk is new begins to copy what the others have. Until it has everything it tells less, or what was.

// looks is how often a node is told what is out of date: more often than it takes to count a node as gone.
const looks = 2 * misses

// stale is a store that is read from such a server.
type stale struct {
	asked

	again  func()
	seen   atomic.Int64
	told   chan struct{}
	leases atomic.Pointer[map[int]protocol.HeldLease] // that are told instead
	blind  bool                                       // it knows no node
}

func newStale(n *nodes, id string) (*stale, *node) {
	s := &stale{asked: n.store(), told: make(chan struct{})}
	node := newNode(protocol.Node{ID: id}, protocol.DefaultNamespace, s, slog.New(slog.DiscardHandler))
	s.again = node.hear
	return s, node
}

// tells has the node look around until it was told often enough.
func (s *stale) tells() {
	if s.seen.Add(1) == looks {
		close(s.told)
	}
	s.again()
}

func (s *stale) Nodes(ctx context.Context) ([]protocol.Node, error) {
	if !s.blind {
		return s.asked.Nodes(ctx)
	}
	s.tells()
	return nil, nil
}

func (s *stale) Leases(ctx context.Context) (map[int]protocol.HeldLease, error) {
	old := s.leases.Load()
	if old == nil {
		return s.asked.Leases(ctx)
	}
	s.tells()
	return maps.Clone(*old), nil
}

// Who does not know of a node leaves it its shards, as long as it answers.
func TestNodeThatIsNotAnnouncedKeepsItsShards(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	n.join("first")
	s, second := newStale(n, "second")
	s.blind = true
	n.start(second)
	<-s.told
	leases, err := s.asked.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := held(leases, "first")[1] + held(leases, "second")[2]; got != manyShards || s.stock.Load() > 0 {
		t.Errorf("shards were taken from the hands of a node that works: %v", leases)
	}
}

// Leases of a while ago are no reason to give a shard up.
func TestOldLeasesTakeNoShard(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]map[int]protocol.HeldLease{
		"none":      {},
		"another's": {0: {Lease: protocol.Lease{Node: "another", Epoch: 1}, Revision: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNodes(t)
			s, node := newStale(n, "first")
			n.start(node)
			s.leases.Store(&old)
			node.hear()
			<-s.told
			node.mu.Lock()
			defer node.mu.Unlock()
			if got := len(node.shards) + len(node.moving); got != manyShards {
				t.Errorf("the node works on %d shards, want %d", got, manyShards)
			}
		})
	}
}

// partial is a log of whose records a copy has only some.
type partial struct {
	Log

	has    uint64 // the last one that it has
	lost   uint64 // and one that it has not
	led    *int   // how many more copies lack that one as well when they lead
	copies int    // how many there are
}

func (p partial) Range(ctx context.Context, shard int, id string, from, to uint64) iter.Seq2[protocol.Entry, error] {
	return p.without(p.Log.Range(ctx, shard, id, from, min(to, p.has)))
}

func (p partial) LeaderRange(ctx context.Context, shard int, id string, from, to uint64) iter.Seq2[protocol.Entry, error] {
	if *p.led == 0 {
		return p.Log.LeaderRange(ctx, shard, id, from, to)
	}
	return p.without(p.Log.LeaderRange(ctx, shard, id, from, to))
}

func (p partial) EachCopy(_ context.Context, _ int, read func() (whole bool, err error)) error {
	for range p.copies {
		if whole, err := read(); whole || err != nil {
			return err
		}
		*p.led--
	}
	return nil
}

func (p partial) without(all iter.Seq2[protocol.Entry, error]) iter.Seq2[protocol.Entry, error] {
	return func(yield func(protocol.Entry, error) bool) {
		for e, err := range all {
			if e.Seq != p.lost && !yield(e, err) {
				return
			}
		}
	}
}

// naps takes some steps in each of two runs.
func naps(ctx workflow.Context, n int) (string, error) {
	for range 2 {
		if err := workflow.Sleep(ctx, time.Millisecond); err != nil {
			return "", err
		}
	}
	if n == 0 {
		return "", workflow.ContinueAsNewNamed(ctx, "naps", 1)
	}
	return "awake", nil
}

// napped is the history of a workflow of two runs, and where it ends.
func napped(t *testing.T) (log Log, first string, last uint64) {
	t.Helper()
	r := newRelay(t, viaInbox, func(r *protocol.Record) bool { return ends(r, "WorkflowExecutionContinuedAsNew") },
		worker.Workflow(naps, worker.Named("naps")))
	run := r.start("naps")
	r.ends(run, "awake")
	end, err := r.store.Last(t.Context(), 0, "wf")
	if err != nil {
		t.Fatal(err)
	}
	return r.store, run.RunID(), end.Seq
}

// A run is whole, whatever the copy of its history lacks that is read first, if another copy has it.
func TestRunIsReadFromACopyThatHasIt(t *testing.T) {
	t.Parallel()
	log, first, last := napped(t)
	for run, status := range map[string]protocol.Status{first: protocol.StatusContinuedAsNew, "": protocol.StatusCompleted} {
		for lost := range last { // the last record is read from the leader
			for lack := range 3 {
				for has := range last + 1 {
					led := lack
					v, err := readRun(t.Context(), partial{log, has, lost, &led, 3}, 0, "wf", run)
					if err != nil || v.workflow.Run.Status != status {
						t.Errorf("a copy with %d of %d records, without %d, as %d others: %v", has, last, lost, lack, err)
					}
				}
			}
		}
	}
}

// Only if no copy is whole is a history damaged, and only that of the run whose record is lost.
func TestHistoryThatNoCopyHas(t *testing.T) {
	t.Parallel()
	log, first, last := napped(t)
	for lost := uint64(1); lost < last; lost++ {
		found := 0
		for _, run := range []string{first, ""} {
			led := 9
			_, err := readRun(t.Context(), partial{log, last, lost, &led, 3}, 0, "wf", run)
			if errors.Is(err, protocol.ErrCorrupt) {
				found++
			} else if err != nil {
				t.Error(err)
			}
		}
		if found != 1 {
			t.Errorf("%d of two runs miss record %d of %d", found, lost, last)
		}
	}
}
