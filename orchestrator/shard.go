package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

const (
	// lookBackFirst is how soon a shard's new owner looks for records of the one before, and lookBackMost the most that it waits until it
	// looks again. Whoever was frozen for some time is found out within twice that.
	lookBackFirst = 5500 * time.Millisecond
	lookBackMost  = time.Hour
	// lookBackWait is how long a record that was found may be one of this node's own, of which it has not heard yet.
	lookBackWait = 1300 * time.Millisecond
)

// shard is one shard in the hands of this node.
type shard struct {
	id    int
	ns    protocol.Namespace
	store Store
	log   *slog.Logger
	nonce func() string

	ctx     context.Context // ends when the shard is given up or lost
	cancel  context.CancelFunc
	chores  context.Context // ends when the shard begins to be given up
	rest    context.CancelFunc
	inbox   *releases
	timers  *releases
	clock   *clock
	rows    *rows
	source  *rowSource    // of its rows
	leased  atomic.Uint64 // the revision at which this node holds it; 0: without a lease
	gate    *gate         // of the node
	pulse   *pulse        // of the node
	time    *timekeeper   // of the node
	ledger  *ledger
	handed  *handovers
	strays  strays
	senders senders
	work    *room // of the inbox, and what comes directly
	awake   *room // of the timers stream, with what is held until it is due

	complaints complaints
	ahead      atomic.Int64 // how many nanoseconds later it is for the server, if that matters

	mu     sync.Mutex
	quiet  *sync.Cond // signalled when active drops to zero
	active int        // actors that run and deferred functions under way
	actors map[string]*actor
	idle   idle
	closed bool

	stopInbox, stopTimers func()
	deaf                  func() // ends the hearing of what is sent directly; nil when nothing is heard
	backlog               uint64 // the last inbox message that was there when this node took the shard

	// progress is what the owners before had stored. The effects of records up to its Effects were performed; nobody knows what is left of
	// them from its Since, which was at a moment, up to its Recheck. server is the one that has the streams.
	progress protocol.Progress
	since    time.Time
	server   string
	losses   bool // a stream may have lost its end before this node took the shard
	// retake has the node give the shard up and take it anew.
	retake func()
}

func newShard(
	ctx context.Context, id int, ns protocol.Namespace, store Store, rows *rows, log *slog.Logger, nonce func() string,
) *shard {
	s := &shard{
		id: id, ns: ns, store: store, rows: rows, log: log.With("shard", id), nonce: nonce,
		work: newRoom(), awake: newRoom(), actors: make(map[string]*actor),
	}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.chores, s.rest = context.WithCancel(s.ctx)
	s.source = &rowSource{shard: s.ctx, kept: s.kept, read: s.readRow}
	s.quiet = sync.NewCond(&s.mu)
	s.inbox = newReleases(func(ctx context.Context, seq uint64) error { return store.Release(ctx, id, seq) }, s.after)
	s.timers = newReleases(func(ctx context.Context, seq uint64) error { return store.ReleaseFired(ctx, id, seq) }, s.after)
	s.time = newTimekeeper(nil, s.log)
	s.clock = newClock(s.ring, func() time.Time { return s.time.now() })
	s.handed = &handovers{
		send:  func(queue, worker string, h protocol.HandOver) error { return store.HandOver(queue, worker, h) },
		after: s.after, by: make(map[string][]*handed),
		watch: func(workflow string, tasks []protocol.ActivityTask) error {
			return s.dispatch(machine.Effects{}, s.watches(tasks), workflow, false)
		},
	}
	s.ledger = &ledger{
		next: func(ctx context.Context, from uint64) (uint64, string, error) { return store.NextRecord(ctx, id, from) },
		save: func(ctx context.Context, upTo uint64, rest bool) error {
			tails, err := store.Tails(ctx, id)
			if err != nil {
				return err
			}
			return store.PutProgress(ctx, id, protocol.Progress{Effects: upTo, Tails: tails, Server: s.server, Rest: rest})
		},
		look: s.look, after: s.after, work: make(map[uint64]bool), done: make(map[uint64]struct{}),
	}
	return s
}

// start takes the shard from nobody's hands.
func (s *shard) start() error {
	err := s.takeStock()
	if err == nil {
		err = s.read()
	}
	if err == nil {
		err = s.listen()
	}
	if err != nil {
		s.drop()
		return err
	}
	s.ledger.start()
	if s.progress.Recheck > 0 {
		s.after(0, func() { s.dropGhosts(s.since) })
	}
	s.begun()
	return nil
}

// read begins to read what lies in streams. The inbox is read from its first message that was not handled, whoever delivered it before:
// redelivery order after an ack timeout would break the order of a workflow's inputs.
func (s *shard) read() error {
	var g errgroup.Group
	g.Go(func() (err error) {
		s.stopInbox, err = s.store.Inputs(s.ctx, s.id, s.inbox.upTo(), func(d protocol.Delivery) {
			if it, ok := s.receive(d, s.inbox, s.work, s.input); ok {
				s.route(it)
			}
		})
		return err
	})
	g.Go(func() (err error) {
		s.stopTimers, err = s.store.Fired(s.ctx, s.id, s.timers.upTo(), func(d protocol.Delivery) {
			if it, ok := s.receive(d, s.timers, s.awake, s.fired); ok {
				s.hold(it)
			}
		})
		return err
	})
	return g.Wait()
}

// begun begins with what is done now and then.
func (s *shard) begun() {
	s.lookBack(lookBackFirst)
	s.after(choresFirst, s.doChores)
}

// lookBack looks, more and more rarely, whether somebody has written to the shard who did not know that this node has taken it. Between
// this node's own records such a one shows as a gap; if this node writes nothing, nothing would show.
func (s *shard) lookBack(wait time.Duration) {
	s.after(wait, func() {
		if end, err := s.store.HistoryEnd(s.ctx, s.id); err == nil {
			s.after(lookBackWait, func() { s.ledger.reach(end) }) // by then this node knows which are its own
		}
		s.lookBack(min(2*wait, lookBackMost))
	})
}

// kept reports whether the lease of the shard is still the one by which this node has taken it.
func (s *shard) kept(ctx context.Context) bool {
	mine := s.leased.Load()
	if mine == 0 {
		return false
	}
	now, err := s.store.LeaseRevision(ctx, s.id)
	return err == nil && now == mine
}

// stop gives the shard up: no further input is read, the steps that are under way end, and what they handled is released.
// When ctx ends first, the steps are cut off; whoever comes next takes them again. If everything has come to its end, pass may hand the
// shard to another node, and says whether it has.
func (s *shard) stop(ctx context.Context, pass func(protocol.Baton) bool) (passed bool) {
	cut := context.AfterFunc(ctx, s.cancel)
	defer cut()
	if s.ctx.Err() != nil {
		s.refuseSenders()
	}
	s.rest()
	s.stopListening() // first: what came directly may have to wait for what comes through the inbox
	for _, stop := range []func(){s.stopTimers, s.stopInbox} {
		if stop != nil {
			stop()
		}
	}
	s.clock.stop()
	s.waitQuiet(false)
	if s.ctx.Err() == nil {
		s.handed.settleAll()
		s.rows.flush()
		s.waitQuiet(true)
		b, ok := s.baton()
		if passed = ok && pass != nil && pass(b); !passed {
			s.tidy(ctx)
		}
	}
	s.cancel()
	s.waitQuiet(true)
	s.refuseSenders()
	return passed
}

// tidy leaves little to look after to whoever takes the shard.
func (s *shard) tidy(ctx context.Context) {
	s.inbox.flush()
	s.timers.flush()
	if err := s.ledger.end(ctx); err != nil {
		s.log.Debug("the progress of the shard could not be stored", "error", err)
	}
}

// drop gives the shard up at once.
func (s *shard) drop() {
	s.cancel()
	s.stop(s.ctx, nil)
}

// waitQuiet waits until nothing of the shard runs any more. With end, nothing starts again either.
func (s *shard) waitQuiet(end bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = s.closed || end
	for s.active > 0 {
		s.quiet.Wait()
	}
}

// certain waits until the node is sure that the shard is its own, as it is while the shard is given up in good order. An error says that it
// is not any more.
func (s *shard) certain() error {
	s.pulse.await(s.chores) // it ends for the one or for the other
	return s.ctx.Err()
}

// begin notes that something of the shard runs, unless the shard has ended.
func (s *shard) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx.Err() != nil {
		return false
	}
	s.active++
	return true
}

func (s *shard) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active--; s.active == 0 {
		s.quiet.Broadcast()
	}
}

// after runs f later, or never when the shard ends first.
func (s *shard) after(d time.Duration, f func()) {
	time.AfterFunc(max(d, soonest), func() {
		if s.begin() {
			defer s.end()
			f()
		}
	})
}

// receive takes a message out of a stream, when there is room for it. What cannot be understood goes to the dead letters and blocks
// nothing.
func (s *shard) receive(
	d protocol.Delivery, from *releases, room *room, decode func(protocol.Delivery) (protocol.Input, error),
) (it item, ok bool) {
	from.deliver(d.Seq)
	in, err := decode(d)
	if err != nil {
		s.bury(d, in, err, func() { from.done(d.Seq) })
		return item{}, false
	}
	if !room.enter(s.ctx, queues(in), len(d.Data)) {
		return item{}, false
	}
	return item{input: in, delivery: d, done: func() {
		room.leave(len(d.Data))
		from.done(d.Seq)
	}}, true
}

// wake routes an input, or looks after an attempt that was handed over if that is what it is about.
func (s *shard) wake(it item) {
	if t, ok := it.input.Body.(protocol.TimerInput); ok && t.Task != nil && t.Task.HandedTo != "" {
		s.lookAfter(it, *t.Task)
		return
	}
	s.route(it)
}

// bury stores a message among the dead letters, tells its sender, and only then lets it go.
func (s *shard) bury(d protocol.Delivery, in protocol.Input, why error, done func()) {
	s.log.Error("a message was moved to the dead letters", "subject", d.Subject, "seq", d.Seq, "error", why)
	verdict := protocol.Verdict{ID: in.Workflow, Error: protocol.AsError(why)}
	asked, waits := machine.Reply{Origin: in.From(), Verdict: verdict}.Tell()
	err := s.persist("store a dead letter", func(ctx context.Context) error {
		if waits {
			err := await(ctx, []Ack{s.store.Send(asked.Workflow, asked.Body, asked.ID)})
			if err != nil && !errors.Is(err, protocol.ErrRepeated) {
				return err
			}
		}
		return s.store.DeadLetter(ctx, d, why)
	})
	if err != nil {
		return
	}
	if in.Reply != "" { // only now: what came directly lies nowhere else
		s.reply(in.Reply, verdict)
	}
	done()
}

// withdraw removes an input from the inbox, and only then tells what became of it: it would come again if this node died, and could be
// decided otherwise. Should the node die in between, nobody is told, and whoever asks again is given a verdict of then.
func (s *shard) withdraw(r machine.Reply, done func()) {
	s.aside(func() {
		err := s.persist("remove an input", func(ctx context.Context) error {
			err := s.store.RemoveInput(ctx, s.id, r.Seq)
			if errors.Is(err, protocol.ErrUnauthorized) { // the permissions are those of an older version: its promise is kept
				s.log.Warn("a refusal is told before its input is gone", "error", err)
				return nil
			}
			return err
		})
		if err == nil {
			s.reply(r.Subject, r.Verdict)
			done()
		}
	})
}

func (s *shard) reply(subject string, v protocol.Verdict) {
	if err := s.store.Reply(subject, v); err != nil {
		s.log.Warn("a verdict could not be sent; the sender will ask again", "workflow_id", v.ID, "error", err)
	}
}

// ring hands a workflow the wake-up of the shard's own clock.
func (s *shard) ring(a alarm) {
	if a.held != nil {
		s.route(*a.held)
		return
	}
	in := protocol.Input{Time: s.time.now(), Workflow: a.workflow, Body: protocol.TimerInput{}}
	if task, ok := a.retry.(protocol.ActivityTask); ok {
		in.Body = protocol.TimerInput{Task: &task}
	}
	s.wake(item{input: in, done: func() {}})
}

// look has a workflow look after a record that somebody else wrote.
func (s *shard) look(workflow string, seq uint64) {
	if !s.work.enter(s.ctx, false, 0) {
		return
	}
	s.route(item{input: protocol.Input{Workflow: workflow}, record: seq, done: func() {
		s.work.leave(0)
		s.ledger.finished(seq)
	}})
}

// route hands an input to its workflow's actor, and wakes the actor if it sleeps. It reports false when the shard has ended.
func (s *shard) route(it item) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx.Err() != nil {
		return false
	}
	a, ok := s.actors[it.input.Workflow]
	if !ok {
		a = &actor{shard: s, id: it.input.Workflow}
		s.actors[a.id] = a
	}
	if it.watch {
		a.watches = append(a.watches, it)
	} else {
		a.queue = append(a.queue, it)
		a.queued += len(it.delivery.Data)
	}
	if a.interrupt != nil && (a.urgent() || a.crowds()) {
		a.interrupt()
	}
	if !a.awake {
		a.awake = true
		s.active++
		s.store.Go(a.run)
	}
	return true
}

// persist repeats an action that must happen until it does, or until the shard is given up. A node that stood still does nothing before it
// knows whether the shard is still its own: what follows from its last record, another node may have done long ago, and gone on.
func (s *shard) persist(what string, f func(context.Context) error) error {
	wait := 10 * time.Millisecond
	for {
		if err := s.certain(); err != nil {
			return err
		}
		err := f(s.ctx)
		if err == nil || s.ctx.Err() != nil {
			return err
		}
		if unsaid, ok := s.complaints.speak(what); ok {
			s.log.Warn("trying again", "what", what, "error", err, "hint", protocol.AsError(err).Hint, "in", wait, "others", unsaid)
		}
		select {
		case <-time.After(wait):
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
		wait = min(2*wait, 5*time.Second)
	}
}
