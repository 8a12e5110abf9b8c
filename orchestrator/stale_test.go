package orchestrator

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"sync/atomic"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
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

// behind is a log of whose records a copy has only some.
type behind struct {
	Log

	has uint64
}

func (b behind) Range(ctx context.Context, shard int, id string, from, to uint64) iter.Seq2[protocol.Entry, error] {
	return b.Log.Range(ctx, shard, id, from, min(to, b.has))
}

// An earlier run is not shown as a copy of its history has it that lags.
func TestRunIsNotReadFromACopyThatLags(t *testing.T) {
	t.Parallel()
	r := newRelay(t, direct, func(r *protocol.Record) bool { return ends(r, "WorkflowExecutionContinuedAsNew") }, chains()...)
	first := r.start("twice")
	r.ends(first, "the second run")
	shard := protocol.Shard("wf", r.store.Shards())
	last, err := r.store.Last(t.Context(), shard, "wf")
	if err != nil {
		t.Fatal(err)
	}
	for has := range last.Seq {
		_, err := readRun(t.Context(), behind{r.store, has}, shard, "wf", first.RunID())
		if !errors.Is(err, protocol.ErrUnavailable) {
			t.Errorf("%d of %d records: %v", has, last.Seq, err)
		}
	}
}
