package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/propagation"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// way is how clients and workers reach the shard's owner.
type way string

const (
	direct   way = "direct"
	viaInbox way = "inbox" // as when no owner answers
)

// eachWay runs a test with every way.
func eachWay(t *testing.T, test func(*testing.T, way)) {
	t.Helper()
	for _, via := range []way{direct, viaInbox} {
		t.Run(string(via), func(t *testing.T) {
			t.Parallel()
			test(t, via)
		})
	}
}

// ways is a store that lets only one of them be used.
type ways struct {
	*jetstream.Store

	via   way
	asked *sync.Map     // the nonces of the tasks that workers were offered
	loses *atomic.Int32 // how many words to stop get lost
	cut   *atomic.Int32 // how often a worker is asked in vain what it was handed
}

func (w ways) StillHas(ctx context.Context, task protocol.ActivityTask) (bool, error) {
	if w.cut.Add(-1) >= 0 {
		return false, nil
	}
	return w.Store.StillHas(ctx, task)
}

func (w ways) CancelActivity(queue string, c protocol.CancelActivity) error {
	if w.loses.Add(-1) >= 0 {
		return nil
	}
	return w.Store.CancelActivity(queue, c)
}

func (w ways) Offer(
	ctx context.Context, to string, task *protocol.WorkflowTask, patience time.Duration,
) (*protocol.WorkflowTaskAnswer, error) {
	w.asked.Store(task.Nonce, true)
	return w.Store.Offer(ctx, to, task, patience)
}

func (w ways) Directs(shard int, handle func(d protocol.Delivery, after uint64) bool) (stop func(), err error) {
	if w.via == viaInbox {
		return func() {}, nil
	}
	return w.Store.Directs(shard, handle)
}

// mortal is a store whose node dies right after a record: nothing that follows from the record happens.
type mortal struct {
	ways

	fears func(*protocol.Record) // called before a record is written; may be nil
	dies  func(*protocol.Record) bool
	// buries is called before and after a history is removed, and says whether the node dies there; may be nil.
	buries func(gone bool) bool
	at     moment
	mute   atomic.Bool
	last   sync.Once
	died   chan struct{}
}

func (m *mortal) Purge(ctx context.Context, shard int, id string, seq uint64) error {
	for _, gone := range []bool{false, true} {
		if m.buries != nil && m.buries(gone) {
			close(m.died)
			<-ctx.Done()
			return ctx.Err()
		}
		if gone {
			break
		}
		if err := m.Store.Purge(ctx, shard, id, seq); err != nil {
			return err
		}
	}
	return nil
}

// moment is when the node dies.
type moment string

const (
	afterRecord  moment = "after its record"
	beforeRecord moment = "before its record"
	beforeWord   moment = "before its sender hears"
)

func (m *mortal) Append(ctx context.Context, shard int, r *protocol.Record, data []byte, expect uint64) (uint64, error) {
	if m.fears != nil {
		m.fears(r)
	}
	if m.at == beforeRecord && m.dies(r) {
		return m.die(ctx)
	}
	if m.mute.Load() { // nobody waits for its word: the input came through the inbox, as on a machine that has far too much to do
		m.last.Do(func() { close(m.died) })
		<-ctx.Done()
		return 0, ctx.Err()
	}
	seq, err := m.Store.Append(ctx, shard, r, data, expect)
	if err != nil || m.at == beforeRecord || !m.dies(r) {
		return seq, err
	}
	if m.at == beforeWord {
		m.mute.Store(true)
		return seq, nil
	}
	return m.die(ctx)
}

func (m *mortal) die(ctx context.Context) (uint64, error) {
	close(m.died)
	<-ctx.Done()
	return 0, ctx.Err()
}

// Reply says nothing any more when the node is about to die. What else follows from the record may happen before it does.
func (m *mortal) Reply(subject string, v protocol.Verdict) error {
	if m.mute.Load() {
		m.last.Do(func() { close(m.died) })
		return nil
	}
	return m.Store.Reply(subject, v)
}

// Release is what a node about to die comes to when nobody waits for its word, if it does not come to its next record before.
func (m *mortal) Release(ctx context.Context, shard int, seq uint64) error {
	if m.mute.Load() {
		m.last.Do(func() { close(m.died) })
		return nil
	}
	return m.Store.Release(ctx, shard, seq)
}

// relay runs a shard until its node dies after a record, and then another one, which lives. The workflow must come to its end.
type relay struct {
	t      *testing.T
	store  ways
	client *client.Client
	first  *mortal
	ready  chan struct{} // closed when the first shard works
	js     natsjs.JetStream
}

func newRelay(t *testing.T, via way, dies func(*protocol.Record) bool, opts ...worker.Option) *relay {
	t.Helper()
	return newRelayOf(t, &mortal{dies: dies}, via, opts...)
}

// newRelayOf is a relay whose first node is given.
func newRelayOf(t *testing.T, first *mortal, via way, opts ...worker.Option) *relay {
	t.Helper()
	srv, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Sync: "1m"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	nc, err := srv.Conn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	store, err := jetstream.Create(t.Context(), nc, protocol.DefaultNamespace, jetstream.Options{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	stopAPI, err := serveAPI(store, control{store: store, views: newViews(), log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stopAPI)
	c, err := client.New(nc, client.DefaultQueue("q"), client.Propagator(propagation.TraceContext()))
	if err != nil {
		t.Fatal(err)
	}
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	first.ways, first.died = ways{store, via, new(sync.Map), new(atomic.Int32), new(atomic.Int32)}, make(chan struct{})
	r := &relay{t: t, store: first.ways, client: c, js: js, ready: make(chan struct{}), first: first}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	w := worker.New(nc, "q", append(opts, worker.OnReady(func() { close(ready) }), worker.Logger(slog.New(slog.DiscardHandler)))...)
	go func() { ended <- w.Run(ctx) }()
	<-ready
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.run()
	}()
	t.Cleanup(func() { <-stopped })
	return r
}

func (r *relay) rows(index Index) *rows {
	w := newRows(index, slog.New(slog.DiscardHandler))
	r.t.Cleanup(w.stop)
	return w
}

// run runs the first shard until it is dead, and the second until the test ends.
func (r *relay) run() {
	doomed, kill := context.WithCancel(context.Background())
	defer kill()
	first := newShard(doomed, 0, protocol.DefaultNamespace, r.first, r.rows(r.first), slog.New(slog.DiscardHandler), uuid.NewString)
	if err := first.start(); err != nil {
		r.t.Error(err)
		return
	}
	close(r.ready)
	select {
	case <-r.first.died:
	case <-r.t.Context().Done():
	}
	kill()
	first.stop(doomed, nil)
	second := newShard(context.Background(), 0, protocol.DefaultNamespace, r.store, r.rows(r.store), slog.New(slog.DiscardHandler), uuid.NewString)
	if err := second.start(); err != nil {
		r.t.Error(err)
		return
	}
	<-r.t.Context().Done()
	second.stop(context.Background(), nil)
}

// schedules reports whether a record schedules an activity of a type.
func schedules(r *protocol.Record, typ string) bool {
	return slices.ContainsFunc(r.Events, func(e protocol.Event) bool {
		a, ok := e.Attributes.(protocol.ActivityTaskScheduled)
		return ok && a.ActivityType == typ
	})
}

// crew are activities and workflows that fail, wait and call each other, as the crash needs it.
type crew struct {
	fails   atomic.Int32  // how often A still fails
	release chan struct{} // A ends when it is closed
	busy    chan struct{} // closed when the step that hangs has begun
	gate    chan struct{} // the step that hangs goes on when it is closed
}

func newCrew() *crew {
	return &crew{release: make(chan struct{}), busy: make(chan struct{}), gate: make(chan struct{})}
}

var errFails = errors.New("not yet")

func (c *crew) A(ctx context.Context, _ struct{}) (string, error) {
	select {
	case <-c.release:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if c.fails.Add(-1) >= 0 {
		return "", errFails
	}
	return "A", nil
}

func (c *crew) B(context.Context, struct{}) (string, error) { return "B", nil }

// later is an activity's wait for its second attempt.
func later(d time.Duration) workflow.ActivityOption {
	return workflow.Retry(workflow.RetryPolicy{InitialInterval: workflow.Duration(d)})
}

// One runs one activity.
func (c *crew) One(ctx workflow.Context, in struct{}) (string, error) {
	return workflow.Do(ctx, c.B, in)
}

// Waiting runs B when a timer fires, while A waits for its second attempt. By then A's failure is no longer in the inbox, which is
// purged every second.
func (c *crew) Waiting(ctx workflow.Context, in struct{}) (string, error) {
	a := workflow.Start(ctx, c.A, in, later(3*time.Second))
	if err := workflow.Sleep(ctx, 1500*time.Millisecond); err != nil {
		return "", err
	}
	b, err := workflow.Do(ctx, c.B, in)
	if err != nil {
		return "", err
	}
	first, err := a.Get(ctx)
	return first + b, err
}

var (
	one = workflow.NewSignal[string]("one")
	two = workflow.NewSignal[string]("two")
)

// Signaled hangs in the step of its first signal.
func (c *crew) Signaled(ctx workflow.Context, in struct{}) (string, error) {
	a := workflow.Start(ctx, c.A, in, later(time.Second/2))
	if _, err := workflow.Receive(ctx, one); err != nil {
		return "", err
	}
	select {
	case <-c.busy:
	default:
		close(c.busy)
	}
	<-c.gate
	if _, err := workflow.Receive(ctx, two); err != nil {
		return "", err
	}
	return a.Get(ctx)
}

func (c *crew) options() []worker.Option {
	return []worker.Option{
		worker.Workflow(c.One), worker.Workflow(c.Waiting), worker.Workflow(c.Signaled), worker.Activity(c.A), worker.Activity(c.B),
	}
}

func (r *relay) result(wf func(workflow.Context, struct{}) (string, error), want string) {
	r.t.Helper()
	// The verdict of a start that died with its node comes from the next one.
	run, err := client.Start(r.t.Context(), r.client, wf, struct{}{}, client.ID("wf"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.ends(run, want)
}

func (r *relay) ends(run *client.Run[string], want string) {
	r.t.Helper()
	got, err := run.Wait(r.t.Context())
	if err != nil || got != want {
		r.t.Errorf("the run ended with %q, %v, want %q", got, err, want)
	}
	select {
	case <-r.first.died:
	default:
		r.t.Error("the node never died: the test tests nothing")
	}
}

// The node dies after the record of a start and before its activity is dispatched.
func TestDeathAfterAStart(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		c := newCrew()
		r := newRelay(t, via, func(r *protocol.Record) bool { return schedules(r, "orchestrator.crew.B") }, c.options()...)
		r.result(c.One, "B")
	})
}

// The node dies after a record that a wake-up drove, and that lists an input which an earlier step decided without a record.
func TestDeathAfterAWakeup(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		c := newCrew()
		c.fails.Store(1)
		close(c.release)
		r := newRelay(t, via, func(r *protocol.Record) bool { return schedules(r, "orchestrator.crew.B") }, c.options()...)
		r.result(c.Waiting, "AB")
	})
}

// The node dies after a record whose step also decided that a failed activity is tried again: nothing in the record says so.
func TestDeathBeforeARetryIsArmed(t *testing.T) {
	t.Parallel()
	c := newCrew()
	c.fails.Store(1)
	r := newRelay(t, viaInbox, func(r *protocol.Record) bool {
		return len(r.Inputs) == 2 && slices.ContainsFunc(r.Events, func(e protocol.Event) bool {
			s, ok := e.Attributes.(protocol.WorkflowExecutionSignaled)
			return ok && s.Name == two.Name()
		})
	}, c.options()...)
	run, err := client.Start(t.Context(), r.client, c.Signaled, struct{}{}, client.ID("wf"))
	if err != nil {
		t.Fatal(err)
	}
	tell := func(name string) {
		t.Helper()
		in := protocol.SignalInput{Name: name, RequestID: name}
		if err := r.store.Tell(t.Context(), "wf", in, name, ""); err != nil {
			t.Fatal(err)
		}
	}
	tell(one.Name())
	<-c.busy // from now on nothing is taken until the gate opens
	close(c.release)
	for r.stored() < 3 { // the start, the first signal, and A's failure
		select {
		case <-time.After(5 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("A never failed")
		}
	}
	tell(two.Name())
	for r.stored() < 4 {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("the second signal never came")
		}
	}
	close(c.gate)
	r.ends(run, "A")
}

// stored counts what was ever put into the inbox.
func (r *relay) stored() uint64 {
	stream, err := r.js.Stream(r.t.Context(), protocol.DefaultNamespace.InboxStream(0))
	if err != nil {
		r.t.Fatal(err)
	}
	return stream.CachedInfo().State.LastSeq
}
