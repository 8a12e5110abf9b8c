package workflow

import (
	"slices"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
)

// Case is one of the things that [Select] waits for: [OnReceive], [OnReady], [OnChannel] or [Default].
type Case interface {
	// ready reports whether the case could run now.
	ready(ctx Context) bool
	// run takes what is ready and calls the author's function.
	run(ctx Context) error
	// list is where to wait for the case; nil when it needs no waiting.
	list(ctx Context) *replay.Waitlist
}

// Select waits until one of the cases is ready and runs exactly that one: the first in order when there are several.
//
//	err := workflow.Select(ctx,
//		workflow.OnReceive(approve, func(a Approval) { approval = a }),
//		workflow.OnReady(deadline, func(time.Time, error) { late = true }),
//	)
//
// It returns an error that matches [ErrCanceled] when ctx is cancelled, and then no case runs, and the error of a signal
// that does not decode; otherwise nil. The cases' functions may wait themselves.
func Select(ctx Context, cases ...Case) error {
	lists := make([]*replay.Waitlist, 0, len(cases)+1)
	for _, c := range cases {
		if l := c.list(ctx); l != nil {
			lists = append(lists, l)
		}
	}
	ready := func(c Case) bool { return c.ready(ctx) }
	ctx.env().Await(func() bool {
		return ctx.scope.canceled || slices.ContainsFunc(cases, ready)
	}, append(lists, &ctx.scope.watchers)...)
	if err := ctx.Err(); err != nil {
		passOn(ctx, cases)
		return err
	}
	chosen := slices.IndexFunc(cases, ready)
	passOn(ctx, cases[chosen+1:])
	return cases[chosen].run(ctx)
}

// passOn calls the next in line for what is ready and was not taken: this coroutine may be the one that was called for it.
func passOn(ctx Context, cases []Case) {
	for _, c := range cases {
		if l := c.list(ctx); l != nil && c.ready(ctx) {
			l.WakeOne()
		}
	}
}

// OnReceive is ready when a signal waits, and takes it. See [Receive].
func OnReceive[T any](sig Signal[T], f func(T)) Case { return receiveCase[T]{sig, f} }

type receiveCase[T any] struct {
	sig protocol.Signal[T]
	f   func(T)
}

func (c receiveCase[T]) box(ctx Context) *replay.Mailbox   { return ctx.env().Mailbox(c.sig.Name()) }
func (c receiveCase[T]) ready(ctx Context) bool            { return !c.box(ctx).Empty() }
func (c receiveCase[T]) list(ctx Context) *replay.Waitlist { return &c.box(ctx).Waitlist }

func (c receiveCase[T]) run(ctx Context) error {
	_, v, err := pop[T](ctx, c.sig.Name(), c.box(ctx))
	if err == nil {
		c.f(v)
	}
	return err
}

// OnReady is ready when the future is settled. It stays ready: a Select in a loop should leave it out afterwards.
func OnReady[T any](future Future[T], f func(T, error)) Case { return readyCase[T]{future, f} }

type readyCase[T any] struct {
	future Future[T]
	f      func(T, error)
}

func (c readyCase[T]) ready(Context) bool            { return c.future.Ready() }
func (c readyCase[T]) list(Context) *replay.Waitlist { return &c.future.cell.waiting }

func (c readyCase[T]) run(Context) error {
	c.f(c.future.cell.value, c.future.cell.err)
	return nil
}

// OnChannel is ready when the channel has a value, which it takes, or is closed: ok is then false.
func OnChannel[T any](ch *Channel[T], f func(v T, ok bool)) Case { return channelCase[T]{ch, f} }

type channelCase[T any] struct {
	ch *Channel[T]
	f  func(T, bool)
}

func (c channelCase[T]) ready(Context) bool            { return c.ch.readable() }
func (c channelCase[T]) list(Context) *replay.Waitlist { return &c.ch.readers }

func (c channelCase[T]) run(Context) error {
	c.f(c.ch.take())
	return nil
}

// Default is always ready. Put it last: Select then never waits.
func Default(f func()) Case { return defaultCase(f) }

type defaultCase func()

func (c defaultCase) ready(Context) bool            { return true }
func (c defaultCase) list(Context) *replay.Waitlist { return nil }

func (c defaultCase) run(Context) error {
	c()
	return nil
}
