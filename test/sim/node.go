package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/protocol"
)

// node is an orchestrator that believes to own a shard. It is the real thing: what it asks of NATS goes through its [store] onto the
// world's agenda, and its goroutines wait until the world gets to that.
type node struct {
	w     *world
	name  string
	shard int

	cancel  context.CancelFunc
	gone    chan struct{} // closed when it dies
	dead    bool          // guarded by the agenda's lock, as it is read by the node's goroutines
	deaf    bool          // it dies before it hears another word
	leaving bool
	thaws   time.Time
	steps   int       // these two are guarded by it as well
	begins  time.Time // when the last of its goroutines begins
	holding *orchestrator.Holding
}

var errDead = errors.New("the node is dead")

// tend sees to it that every shard has an owner, sooner or later, and now and then one too many.
func (w *world) tend() {
	for shard := range w.shards {
		var owners []*node
		for _, n := range w.nodes {
			if n.shard == shard && !n.leaving {
				owners = append(owners, n)
			}
		}
		switch {
		case w.waking[shard]:
		case len(owners) == 0:
			w.waking[shard] = true
			w.in(w.some(5*time.Second), fmt.Sprint("shard ", shard, " is taken"), func() { w.take(shard) })
		case len(owners) == 1 && w.events%16 == 0 && w.bad.strikes(usurpation, owners[0].name):
			w.waking[shard] = true
			w.in(1, "another one takes the shard of "+owners[0].name, func() { w.take(shard) })
		case len(owners) == 1 && w.events%16 == 0 && owners[0].holding != nil && w.bad.strikes(handover, owners[0].name):
			w.leave(owners[0], 5*time.Second+w.some(time.Second))
		case len(owners) > 1 && !owners[0].dead && owners[0].holding != nil:
			w.in(w.some(10*time.Second), owners[0].name+" hears that it was replaced", func() { w.replaced(owners[0]) })
			owners[0].leaving = true
		}
	}
}

// take has a new node work on a shard.
func (w *world) take(shard int) {
	w.waking[shard] = false
	w.inherit(shard, nil, func(bool) {})
}

// inherit has a new node work on a shard, which is handed to it with the baton if there is one. then hears whether it has begun.
func (w *world) inherit(shard int, b *protocol.Baton, then func(begun bool)) {
	w.made++
	ctx, cancel := context.WithCancel(context.Background())
	n := &node{w: w, name: fmt.Sprint("n", w.made), shard: shard, cancel: cancel, gone: make(chan struct{})}
	w.nodes = append(w.nodes, n)
	go func() {
		log := slog.New(slog.DiscardHandler)
		h, err := orchestrator.Hold(ctx, shard, ns, &store{node: n}, log, n.nonce, b)
		w.submit(&event{what: n.name + " has begun", do: func() {
			n.begun(h, err)
			then(n.holding != nil)
		}})
	}()
}

// nonce names a step. Which of two goroutines that run at once gets which, does not matter to the course of the world.
func (n *node) nonce() string {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.steps++
	return fmt.Sprintf("%s-%06d", n.name, n.steps)
}

func (n *node) begun(h *orchestrator.Holding, err error) {
	switch {
	case h != nil && n.dead:
		go h.Release(ended(), nil)
	case h == nil:
		n.w.note(n.name + " could not begin: " + err.Error())
		n.w.crash(n)
	default:
		n.holding = h
	}
}

// ended is a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// leave has a node give its shard up in good order, within some time.
func (w *world) leave(n *node, within time.Duration) {
	n.leaving = true
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		n.holding.Release(ctx, n.pass)
		w.submit(&event{what: n.name + " has left", do: func() { w.crash(n) }})
	}()
}

// passFor is how long a node waits for another one to take its shard.
const passFor = 2 * time.Second

// pass hands the shard to another node, which may not hear of it, or not be heard.
func (n *node) pass(b protocol.Baton) (taken bool) {
	w := n.w
	p := newPromise[bool](n)
	what := n.name + " hands over"
	n.ask("", "hands its shard over", func() {
		silence := func() { w.in(passFor, what+": silence", func() { p.keep(false, nil) }).node = n }
		if w.bad.strikes(lostRequest, what) {
			silence()
			return
		}
		w.inherit(n.shard, &b, func(begun bool) {
			if w.bad.strikes(lostAnswer, what) {
				silence()
				return
			}
			p.keep(begun, nil)
		})
	})
	taken, _ = p.wait(context.Background())
	return taken
}

// replaced has a node drop its shard at once.
func (w *world) replaced(n *node) {
	if n.dead {
		return
	}
	go func() {
		n.holding.Release(ended(), nil)
		w.submit(&event{what: n.name + " has left", do: func() { w.crash(n) }})
	}()
}

// crash is the end of a node. What it has sent may arrive.
func (w *world) crash(n *node) {
	if n.dead {
		return
	}
	w.mu.Lock()
	n.dead = true
	w.mu.Unlock()
	w.nodes = slices.DeleteFunc(w.nodes, func(x *node) bool { return x == n })
	w.subs = slices.DeleteFunc(w.subs, func(s *subscription) bool { return s.node == n })
	w.directs = slices.DeleteFunc(w.directs, func(d *directs) bool { return d.node == n })
	w.queue = slices.DeleteFunc(w.queue, func(e *event) bool { return e.node == n && (!e.wire || w.rng.IntN(2) == 0) })
	n.cancel()
	close(n.gone)
	if n.holding != nil {
		go n.holding.Release(ended(), nil)
	}
}

// ask puts something that the node asks for onto the agenda.
func (n *node) ask(lane, what string, do func()) {
	if lane != "" {
		lane = n.name + " " + lane
	}
	e := &event{what: n.name + " " + what, lane: lane, node: n, wire: true, do: do}
	n.w.mu.Lock()
	dead := n.dead
	n.w.mu.Unlock()
	if !dead {
		n.w.submit(e)
	}
}

// promise is an answer that a goroutine of a node waits for.
type promise[T any] struct {
	n *node
	c chan answer[T]
}

type answer[T any] struct {
	v   T
	err error
}

func newPromise[T any](n *node) promise[T] { return promise[T]{n, make(chan answer[T], 1)} }

// keep answers. Whoever is dead hears nothing.
func (p promise[T]) keep(v T, err error) {
	if p.n.dead || p.n.deaf {
		return
	}
	select {
	case p.c <- answer[T]{v, err}:
	default: // it was answered before
	}
}

func (p promise[T]) wait(ctx context.Context) (T, error) {
	var zero T
	defer p.n.w.jostle()
	select { // if the answer is there and ctx has ended, it must not be left to chance which of them counts
	case a := <-p.c:
		return a.v, a.err
	default:
	}
	select {
	case a := <-p.c: // the select below would toss for it, if the context has ended as well
		return a.v, a.err
	default:
	}
	select {
	case a := <-p.c:
		return a.v, a.err
	case <-p.n.gone:
		return zero, errDead
	case <-ctx.Done():
		return zero, ctx.Err()
	}
}

// request asks a question that is answered by calling f, if it arrives.
func request[T any](ctx context.Context, n *node, what string, f func() (T, error)) (T, error) {
	return requestInOrder(ctx, n, "", what, f)
}

// requestInOrder is request for those that arrive in the order in which they were made.
func requestInOrder[T any](ctx context.Context, n *node, lane, what string, f func() (T, error)) (T, error) {
	p := newPromise[T](n)
	n.ask(lane, what, func() {
		w := n.w
		silence := func() {
			var zero T
			w.in(requestTimeout, what+": silence", func() { p.keep(zero, wrapTimeout()) }).node = n
		}
		if w.bad.strikes(lostRequest, what) {
			silence()
			return
		}
		v, err := f()
		if w.bad.strikes(lostAnswer, what) {
			silence()
			return
		}
		p.keep(v, err)
	})
	return p.wait(ctx)
}

// wrapTimeout is how package jetstream words silence.
func wrapTimeout() error {
	return errors.Join(protocol.Errorf(protocol.CodeTimeout, "NATS did not answer in time"), nats.ErrTimeout)
}

// subscription is an ordered reading of a stream.
type subscription struct {
	node   *node
	s      *stream
	filter string
	next   uint64
	on     bool // a delivery is on its way
	ended  bool
	handle func(protocol.Delivery)
}

// directs is who takes what is sent to the owner of a shard.
type directs struct {
	node   *node
	ended  bool
	handle func(d protocol.Delivery, after uint64) bool
}

// deliver puts what the streams have for somebody onto the agenda.
func (w *world) deliver() {
	for _, s := range w.subs {
		if s.on || s.ended || s.s.last < s.next {
			continue
		}
		m, ok := s.s.next(s.filter, s.next)
		if !ok {
			s.next = s.s.last + 1
			continue
		}
		s.on = true
		what := fmt.Sprintf("%s reads %s %d", s.node.name, s.s.name, m.seq)
		w.add(&event{what: what, node: s.node, lane: what, do: func() {
			s.on, s.next = false, m.seq+1
			if !s.ended {
				s.handle(protocol.Delivery{Seq: m.seq, Time: m.time, Subject: m.subject, Header: m.header, Data: m.data})
			}
		}})
	}
	w.offerTasks()
}
