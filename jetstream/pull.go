package jetstream

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// AckWait is how long the broker waits for a sign of life of the worker that runs a task, before it gives the task to
	// another one. Workers send one every third of it.
	AckWait = 5 * time.Second
	// privateIdle is how long the consumer of a private queue outlives its worker. The worker may only be cut off for a while.
	privateIdle = time.Hour
)

// Puller takes tasks from a queue: never more than it has free slots for. The client library's consumers would fetch ahead,
// and a task that waits in the memory of a busy worker is given to another one when its acknowledgement does not come: with
// the default of 500, 351 of 600 tasks ran twice.
//
// So the requests for tasks are made here. Every free slot is asked for at most once: credit is what has been asked for and
// not come yet, and free slots + credit + slots set aside + tasks in work = slots. While much credit is left, slots that become free wait
// for others: a request for each of them would be a message, and work for the server, with every task.
//
// What has been asked for cannot be taken back, so slots for what does not come through the queue are set aside: they are not asked for
// while the queue is empty, and are as soon as it is not.
type Puller struct {
	s      *Store
	stream string
	cfg    natsjs.ConsumerConfig
	handle func(*Task)

	ctx    context.Context
	cancel context.CancelFunc
	ended  chan struct{}
	kick   chan struct{} // there may be something to ask for

	mu      sync.Mutex
	working int           // tasks
	rested  chan struct{} // closed when none is in work any more; nil before somebody waits for that
	sub     *nats.Subscription
	inbox   string
	free    int
	credit  int
	aside   int
	keep    int       // the most that is set aside
	heard   time.Time // when the server last said anything
	stopped bool
}

// Task is a task out of the task stream. Exactly one of Ack, Nak and Leave must be called; each gives the slot back. AckEarly may come
// before Leave.
type Task struct {
	puller    *Puller
	msg       *nats.Msg
	delivered int
	once      sync.Once
}

// PullOptions say how tasks of a queue are taken.
type PullOptions struct {
	// Slots is how many tasks are in work at once, and Aside how many of the slots are set aside while the queue is empty.
	Slots, Aside int
	// Private says that only one worker ever serves the queue: its consumer goes some time after the worker did.
	Private bool
}

// PullTasks takes tasks of a queue until Stop is called. handle runs on the goroutine of a subscription and must not block.
// The queue's consumer is made if it is missing.
func (s *Store) PullTasks(
	ctx context.Context, kind protocol.TaskKind, queue string, o PullOptions, handle func(*Task),
) (*Puller, error) {
	p := &Puller{
		s: s, stream: s.ns.TasksStream(), handle: handle, free: o.Slots - o.Aside, aside: o.Aside, keep: o.Aside,
		cfg: natsjs.ConsumerConfig{
			Durable: s.ns.TaskConsumer(kind, queue), FilterSubject: s.ns.QueueTasks(kind, queue),
			AckPolicy: natsjs.AckExplicitPolicy, AckWait: AckWait, MaxDeliver: -1, MaxAckPending: -1, MaxWaiting: 4096,
		},
		ended: make(chan struct{}), kick: make(chan struct{}, 1),
	}
	if o.Private {
		p.cfg.InactiveThreshold = privateIdle
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if err := p.connect(ctx); err != nil {
		p.cancel()
		return nil, err
	}
	go p.run()
	return p, nil
}

// connect makes sure of the consumer and begins afresh: with a new reply subject, so that tasks asked for before, which the
// server may or may not remember, find nobody and stay in the queue.
func (p *Puller) connect(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := p.s.makeConsumer(ctx, p.stream, p.cfg); err != nil {
		return err
	}
	inbox := p.s.nc.NewInbox()
	sub, err := p.s.nc.Subscribe(inbox, func(m *nats.Msg) { p.receive(inbox, m) })
	if err != nil {
		return wrap(err)
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return wrap(err)
	}
	p.mu.Lock()
	old := p.sub
	p.sub, p.inbox, p.heard = sub, inbox, time.Now()
	p.free += p.credit
	p.credit = 0
	p.mu.Unlock()
	if old != nil {
		_ = old.Unsubscribe()
	}
	p.ask()
	return nil
}

// run keeps the credit up: it asks for what became free, and begins afresh when the connection came back or the server fell
// silent.
func (p *Puller) run() {
	defer close(p.ended)
	back := p.s.nc.StatusChanged(nats.CONNECTED)
	defer p.s.nc.RemoveStatusListener(back)
	watch := time.NewTicker(p.s.heartbeat())
	defer watch.Stop()
	for {
		lost := false
		select {
		case <-p.ctx.Done():
			return
		case <-p.kick:
			p.ask()
		case <-back:
			lost = true
		case <-watch.C:
			lost = p.silent()
		}
		for lost && p.ctx.Err() == nil {
			if lost = p.connect(p.ctx) != nil; lost {
				pause(p.ctx, 100*time.Millisecond)
			}
		}
	}
}

func (p *Puller) silent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.credit > 0 && p.s.fellSilent(p.heard)
}

// pullRequest is what the server wants to know; times are in nanoseconds.
type pullRequest struct {
	Batch     int           `json:"batch"`
	Expires   time.Duration `json:"expires"`
	Heartbeat time.Duration `json:"idle_heartbeat"`
}

// ask asks for as many tasks as there are free slots, if that is due.
func (p *Puller) ask() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.due() {
		return
	}
	req, err := protocol.Marshal(pullRequest{p.free, p.s.pullExpiry(), p.s.heartbeat()})
	if err != nil {
		return
	}
	subject := p.s.api("CONSUMER.MSG.NEXT." + p.stream + "." + p.cfg.Durable)
	if err := p.s.nc.PublishRequest(subject, p.inbox, req); err != nil {
		return // no connection: it will be back, or closed for good
	}
	p.credit += p.free
	p.free = 0
}

// receive takes a task, or the server's word about a request for tasks.
func (p *Puller) receive(inbox string, m *nats.Msg) {
	p.mu.Lock()
	if inbox != p.inbox || p.stopped {
		p.mu.Unlock()
		p.returnUnused(m)
		return
	}
	p.heard = time.Now()
	if m.Reply == "" || len(m.Data) == 0 && m.Header.Get("Status") != "" {
		p.status(m)
		p.mu.Unlock()
		return
	}
	p.credit--
	p.working++
	p.release()
	p.mu.Unlock()
	t := &Task{puller: p, msg: m, delivered: 1}
	if meta, err := m.Metadata(); err == nil {
		t.delivered = int(meta.NumDelivered) //nolint:gosec // a small count
	}
	p.handle(t)
}

// returnUnused gives a task back that came after the puller had stopped or begun afresh.
func (p *Puller) returnUnused(m *nats.Msg) {
	if m.Reply != "" {
		_ = p.s.nc.Publish(m.Reply, []byte("-NAK"))
	}
}

// status frees the credit of a request that has ended. The lock is held.
func (p *Puller) status(m *nats.Msg) {
	if m.Header.Get("Status") == "100" {
		return // a heartbeat
	}
	ended, err := strconv.Atoi(m.Header.Get("Nats-Pending-Messages"))
	if err != nil {
		// No count: the consumer is gone, or nobody answers. The watch notices and begins afresh; asking again at once
		// would only be answered the same.
		p.heard = time.Time{}
		return
	}
	ended = min(ended, p.credit)
	p.credit -= ended
	p.free += ended
	p.wake()
}

// due reports whether enough slots are free for another request: more than half of what is asked for already. The lock is held.
func (p *Puller) due() bool { return p.free > p.credit/2 && !p.stopped }

// wake has what became free asked for, if that is due. The lock is held.
func (p *Puller) wake() {
	if !p.due() {
		return
	}
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// release asks for the slots that were set aside, once everything that was asked for has come. The lock is held.
func (p *Puller) release() {
	if p.credit == 0 {
		p.free, p.aside = p.free+p.aside, 0
	}
	p.wake()
}

// Take takes a slot that is set aside, if there is one. It must be given back with Give.
func (p *Puller) Take() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.aside == 0 || p.stopped {
		return false
	}
	p.aside--
	p.working++
	return true
}

// Give gives a slot back.
func (p *Puller) Give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.aside < p.keep && p.credit+p.free > 0 {
		p.aside++
	} else {
		p.free++
		p.wake()
	}
	if p.working--; p.working == 0 && p.rested != nil {
		close(p.rested)
	}
}

// Stop takes no further tasks, and returns when those in work are done or ctx ends.
//
// The subscription ends first: with it go the requests that stand at the server. Otherwise a worker whose last task runs for
// long would be given task after task, only to give each back, and the broker counts every one of those as a delivery. What is
// already under way is still received, and given back.
func (p *Puller) Stop(ctx context.Context) {
	p.mu.Lock()
	p.stopped = true
	p.rested = make(chan struct{})
	if p.working == 0 {
		close(p.rested)
	}
	p.mu.Unlock()
	p.cancel()
	<-p.ended
	_ = p.sub.Drain() // fails only on a closed connection
	select {
	case <-p.rested:
	case <-ctx.Done():
	}
}

// Body is the task's body.
func (t *Task) Body() []byte { return t.msg.Data }

// Header is the task's headers.
func (t *Task) Header() map[string][]string { return t.msg.Header }

// Subject is where the task lay.
func (t *Task) Subject() string { return t.msg.Subject }

// Delivered counts how often the task has been given to a worker, this time included.
func (t *Task) Delivered() int { return t.delivered }

// Ack says that the task is done for good.
func (t *Task) Ack() error { return t.end("+ACK") }

// AckEarly says that the task is done for good while what came of it still takes the slot.
func (t *Task) AckEarly() error { return t.say("+ACK") }

// Nak gives the task back to its queue at once.
func (t *Task) Nak() error { return t.end("-NAK") }

// Leave gives the slot back and says nothing to the broker: the task comes again after [AckWait], if it is still in the stream.
func (t *Task) Leave() { t.once.Do(t.puller.Give) }

func (t *Task) end(word string) error {
	err := t.say(word)
	t.once.Do(t.puller.Give)
	return err
}

func (t *Task) say(word string) error { return wrap(t.puller.s.nc.Publish(t.msg.Reply, []byte(word))) }

// InProgress says that the task is being worked on: the broker waits another [AckWait].
func (t *Task) InProgress() error { return t.say("+WPI") }
