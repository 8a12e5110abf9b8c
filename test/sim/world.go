package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	ns = protocol.DefaultNamespace
	// requestTimeout is how long a node waits for NATS, as package jetstream does: nearly so, because what happens at the very same time as
	// something else could happen in two orders.
	requestTimeout = 4987 * time.Millisecond
	// troubled is how long things may go wrong, and patient how long everything may take until it has come to its end after that.
	troubled = 2 * time.Minute
	patient  = 30 * time.Minute
	// maxEvents is more than any world needs.
	maxEvents = 50_000
)

// Scenario says everything about a world: the same one takes the same course every time.
type Scenario struct {
	Seed  uint64
	Plant Plant        // the bug that the world has
	Spare map[int]bool // faults that do not happen after all
	Trace bool         // keep the trace
	// Jostled has goroutines run in whatever order, and turns around the order of what they ask for at one time. The course is the same.
	Jostled bool
}

// Outcome is what became of a world.
type Outcome struct {
	Err    error // what was violated; nil: nothing
	Trace  string
	Faults int // that could happen
	Events int
	Runs   int // that were started
}

// world is NATS, orchestrators, workers and clients under one seed.
type world struct {
	agenda

	scenario Scenario
	bad      *misfortune
	began    time.Time
	trace    strings.Builder
	events   int
	err      error

	streams  []*stream
	inbox    []*stream // by shard
	history  []*stream
	timers   []*stream
	tasks    *stream
	progress []protocol.Progress
	shards   int

	nodes     []*node // that live
	made      int     // nodes
	waking    []bool  // by shard: a node is about to take it
	subs      []*subscription
	directs   []*directs
	workers   []*crew
	hired     int
	leases    map[uint64]*lease
	clients   []*client
	listeners map[string]func(*protocol.Verdict)
	replies   int

	shadow *shadow
}

// Play takes a world through its course. It must be called in a bubble of package synctest.
func Play(sc Scenario) Outcome {
	w := newWorld(sc)
	w.run()
	w.end()
	return Outcome{Err: w.err, Trace: w.trace.String(), Faults: w.bad.n, Events: w.events, Runs: w.shadow.runs()}
}

func newWorld(sc Scenario) *world {
	rng := rand.New(rand.NewPCG(sc.Seed, 1))
	w := &world{
		agenda: newAgenda(rng), scenario: sc, began: time.Now(),
		leases: map[uint64]*lease{}, listeners: map[string]func(*protocol.Verdict){},
	}
	w.jostled = sc.Jostled
	w.bad = newMisfortune(rand.New(rand.NewPCG(sc.Seed, 2)), sc.Spare, w.note)
	w.shadow = newShadow(w)
	w.shards = 1 + rng.IntN(2)
	w.waking = make([]bool, w.shards)
	replicated := rng.IntN(4) > 0
	add := func(name string, window time.Duration) *stream {
		s := &stream{name: name, replicated: replicated, window: window}
		w.streams = append(w.streams, s)
		return s
	}
	w.tasks = add("tasks", 30*time.Second)
	w.tasks.queue, w.tasks.stored = true, w.shadow.task
	for i := range w.shards {
		w.inbox = append(w.inbox, add(fmt.Sprint("inbox", i), 2*time.Minute))
		w.history = append(w.history, add(fmt.Sprint("history", i), 2*time.Minute))
		w.timers = append(w.timers, add(fmt.Sprint("timers", i), 2*time.Minute))
		w.inbox[i].stored, w.history[i].stored, w.timers[i].stored = w.shadow.told, w.shadow.record, w.armed
		w.progress = append(w.progress, protocol.Progress{})
	}
	for range 1 + rng.IntN(2) {
		w.hire()
	}
	for i := range 1 + rng.IntN(2) {
		w.clients = append(w.clients, newClient(w, i))
	}
	return w
}

// run lets things happen, one at a time, until everything has come to its end.
func (w *world) run() {
	for w.err == nil {
		synctest.Wait() // every goroutine of every node waits for something
		w.collect()
		w.shadow.collect()
		w.tend()
		w.deliver()
		if w.elapsed() > troubled {
			w.bad.over = true
		}
		e, next := w.pick(time.Now())
		switch {
		case e != nil:
			w.perform(e)
			// No two things happen at one moment, or a round time apart: what nodes do some round time later would come at one moment.
			<-time.After(time.Duration(1 + w.rng.Int64N(int64(100*time.Microsecond))))
		case w.over():
			w.shadow.finish()
			return
		default:
			w.pass(next)
		}
		if w.events > maxEvents || w.elapsed() > patient {
			w.failf("the world does not come to its end: %s", w.left())
		}
	}
}

// pass lets time go on until something can happen.
func (w *world) pass(next time.Time) {
	wait := time.Minute
	if !next.IsZero() {
		wait = time.Until(next)
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.wake:
	}
}

// perform lets an event happen, unless something happens to it.
func (w *world) perform(e *event) {
	n := e.node
	if n != nil && !n.dead {
		if n.thaws.After(time.Now()) {
			e.at = n.thaws
			w.queue = slices.Insert(w.queue, 0, e)
			return
		}
		if w.bad.strikes(crash, e.what) {
			if w.rng.IntN(2) == 0 {
				n.deaf = true
				w.happen(e)
			}
			w.crash(n)
			return
		}
		if w.bad.strikes(freeze, n.name) {
			n.thaws = time.Now().Add(w.some(20 * time.Second))
		}
	}
	if e.wire && w.bad.strikes(delay, e.what) {
		e.at, e.wire = time.Now().Add(w.some(8*time.Second)), false
		w.queue = slices.Insert(w.queue, 0, e) // the others of its lane wait for it
		return
	}
	w.happen(e)
}

func (w *world) happen(e *event) {
	w.events++
	w.note(e.what)
	e.do()
}

// some is a time up to the given one, mostly much shorter.
func (w *world) some(most time.Duration) time.Duration {
	if w.rng.IntN(3) > 0 {
		most /= 50
	}
	return time.Duration(w.rng.Int64N(int64(most))) + 1
}

func (w *world) elapsed() time.Duration { return time.Since(w.began) }

// in lets something happen after a while.
func (w *world) in(d time.Duration, what string, do func()) *event {
	e := &event{what: what, at: time.Now().Add(d), do: do}
	w.add(e)
	return e
}

// drop takes an event off the agenda.
func (w *world) drop(e *event) {
	w.queue = slices.DeleteFunc(w.queue, func(x *event) bool { return x == e })
}

func (w *world) note(text string) {
	if w.scenario.Trace {
		fmt.Fprintf(&w.trace, "%12.6f %s\n", w.elapsed().Seconds(), text)
	}
}

func (w *world) notef(format string, args ...any) {
	if w.scenario.Trace {
		w.note(fmt.Sprintf(format, args...))
	}
}

func (w *world) failf(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...) //nolint:err113 // it is what a person reads
		w.note("VIOLATED " + w.err.Error())
	}
}

// put is a publish on its way to a stream. What it came to, or silence, is answered once.
func (w *world) put(s *stream, m message, f *fence, what string, answer func(ack, error)) {
	if w.bad.strikes(lostRequest, what) {
		w.in(requestTimeout, what+": silence", func() { answer(ack{}, nats.ErrTimeout) })
		return
	}
	if w.bad.strikes(stall, s.name) {
		s.stalled = time.Now().Add(w.some(15 * time.Second))
	}
	answered := false
	var silence *event
	heard := func(a ack, err error) {
		answered = true
		if silence != nil {
			w.drop(silence)
		}
		if w.bad.strikes(lostAnswer, what) {
			w.in(requestTimeout, what+": silence", func() { answer(ack{}, nats.ErrTimeout) })
			return
		}
		answer(a, err)
	}
	if f != nil && s.replicated && w.bad.strikes(spurious, what) {
		heard(ack{}, refused(codeInFlight))
		return
	}
	before := len(s.inFlight)
	s.publish(time.Now(), m, f, heard)
	if len(s.inFlight) > before {
		w.commit(s)
	}
	if !answered {
		silence = w.in(requestTimeout, what+": silence", func() { answer(ack{}, nats.ErrTimeout) })
	}
}

// commit lets the messages that are in flight be committed: at once, later, or never.
func (w *world) commit(s *stream) {
	if !s.stalled.After(time.Now()) && (w.bad.over || w.rng.IntN(3) > 0) {
		w.catchUp(s)
		return
	}
	wait := max(time.Until(s.stalled), 0) + w.some(time.Second)
	w.in(wait, "commit of "+s.name, func() {
		if len(s.inFlight) == 0 {
			return
		}
		if w.bad.strikes(election, s.name) {
			for range w.rng.IntN(len(s.inFlight)) {
				s.inFlight[0].done = func(ack, error) {}
				s.commit()
			}
			s.elect()
			return
		}
		s.commit()
	}).lane = "commit " + s.name
}

// catchUp commits all that is in flight, one message after the other: whoever hears of one comes to rest before the next.
func (w *world) catchUp(s *stream) {
	if len(s.inFlight) == 0 {
		return
	}
	s.commit()
	if len(s.inFlight) > 0 {
		w.in(0, "another commit of "+s.name, func() { w.catchUp(s) })
	}
}

// over reports whether nothing is left to do.
func (w *world) over() bool {
	if len(w.queue) > 0 || slices.Contains(w.waking, true) || w.shadow.open() > 0 {
		return false
	}
	if w.shadow.outdated() != "" {
		return false
	}
	for _, c := range w.clients {
		if c.busy > 0 {
			return false
		}
	}
	for _, s := range w.streams {
		if len(s.inFlight) > 0 || len(s.msgs) > 0 && !strings.HasPrefix(s.name, "history") {
			return false
		}
	}
	return true
}

// left says what a world that does not end waits for.
func (w *world) left() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d open runs, %d events", w.shadow.open(), len(w.queue))
	if run := w.shadow.outdated(); run != "" {
		fmt.Fprintf(&b, "; the row of %s is out of date", run)
	}
	for _, s := range w.streams {
		if !strings.HasPrefix(s.name, "history") {
			for _, m := range s.msgs {
				fmt.Fprintf(&b, "; %s %d %s", s.name, m.seq, m.subject)
			}
		}
	}
	for i, e := range w.queue {
		if i < 10 {
			fmt.Fprintf(&b, "; %s", e.what)
		}
	}
	for _, c := range w.clients {
		fmt.Fprintf(&b, "; client %d waits for %d", c.n, c.busy)
	}
	return b.String()
}

// end takes everything down, so that no goroutine is left.
func (w *world) end() {
	w.bad.over = true
	for _, n := range slices.Clone(w.nodes) {
		w.crash(n)
	}
	for _, c := range w.workers {
		c.forget()
	}
	synctest.Wait()
}
