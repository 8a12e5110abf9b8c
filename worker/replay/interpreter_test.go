package replay_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/millrace-dev/millrace/worker/replay"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// interpreter runs a program through the author's API. Each line that the program says goes to the workflow's logger.
type interpreter struct {
	futures  map[string]workflow.Future[any]
	cancels  map[string]workflow.CancelFunc
	channels map[string]*workflow.Channel[any]
	children map[string]workflow.Child[any]
	flags    map[string]bool
	result   any
}

// errReturn carries a return through the blocks.
var errReturn = errors.New("return")

func (p program) workflow(log *slog.Logger) replay.Program {
	return workflow.Program(func(ctx workflow.Context, _ any) (any, error) {
		in := &interpreter{
			futures:  map[string]workflow.Future[any]{},
			cancels:  map[string]workflow.CancelFunc{},
			channels: map[string]*workflow.Channel[any]{},
			children: map[string]workflow.Child[any]{},
			flags:    map[string]bool{},
		}
		err := in.block(ctx, p)
		if errors.Is(err, errReturn) {
			err = nil
		}
		return in.result, err
	}, log)
}

func (in *interpreter) block(ctx workflow.Context, p program) (err error) {
	for _, s := range p {
		if s.verb == "defer" {
			defer func() { _ = in.block(ctx, s.body) }() //nolint:revive,gocritic // that is the statement
			continue
		}
		if err := in.run(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func sayf(ctx workflow.Context, format string, args ...any) {
	workflow.Logger(ctx).Info(fmt.Sprintf(format, args...)) //nolint:sloglint // the scenario says what
}

// run executes one statement:
//
//	do TYPE JSON          run an activity and say its result
//	start NAME TYPE JSON  run an activity without waiting
//	quick TYPE JSON       run a local activity and say its result
//	short NAME TYPE JSON  run a local activity without waiting
//	timer NAME DURATION   start a timer without waiting
//	get NAME              wait for one of those two and say the outcome
//	sleep DURATION
//	receive SIGNAL        wait for a signal and say its value
//	poll SIGNAL           the same without waiting
//	send CHANNEL JSON     and take CHANNEL, close CHANNEL
//	finished              wait for the handlers of all updates
//	set FLAG              and await FLAG: wait for a condition
//	say TEXT              and now: say the run's time
//	return JSON           and fail TYPE MESSAGE, panic MESSAGE
//	cancel NAME           cancel a scope
//
// Those that concern other workflows are in others, those that write something down in marked.
func (in *interpreter) run(ctx workflow.Context, s statement) error {
	first, rest := word(s.args)
	switch s.verb {
	case "do":
		v, err := workflow.NewActivity[any, any](first).Do(ctx, value(rest))
		return in.outcome(ctx, first, v, err)
	case "start":
		typ, arg := word(rest)
		in.futures[first] = workflow.NewActivity[any, any](typ).Start(ctx, value(arg))
	case "quick":
		v, err := workflow.NewActivity[any, any](first).DoLocal(ctx, value(rest))
		return in.outcome(ctx, first, v, err)
	case "short":
		typ, arg := word(rest)
		in.futures[first] = workflow.NewActivity[any, any](typ).StartLocal(ctx, value(arg))
	case "timer":
		in.futures[first] = in.timer(ctx, duration(rest))
	case "get":
		v, err := in.future(ctx, first).Get(ctx)
		return in.outcome(ctx, first, v, err)
	case "sleep":
		return workflow.Sleep(ctx, duration(first))
	case "receive":
		v, err := workflow.Receive(ctx, workflow.NewSignal[any](first))
		return in.outcome(ctx, first, v, err)
	case "poll":
		v, ok := workflow.TryReceive(ctx, workflow.NewSignal[any](first))
		sayf(ctx, "%s: %v %v", first, v, ok)
	case "await":
		return workflow.Await(ctx, func() bool { return in.flags[first] })
	case "finished":
		return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	case "set":
		in.flags[first] = true
	case "cancel":
		if cancel := in.cancels[first]; cancel != nil {
			cancel()
		}
	case "say", "now", "return", "fail", "panic":
		return in.leaf(ctx, s, first, rest)
	case "send", "take", "close":
		return in.channel(ctx, s.verb, first, rest)
	default:
		if known, err := in.others(ctx, s, first, rest); known {
			return err
		}
		if known, err := in.marked(ctx, s, first, rest); known {
			return err
		}
		return in.nested(ctx, s, first)
	}
	return nil
}

// leaf executes the statements that never wait.
func (in *interpreter) leaf(ctx workflow.Context, s statement, first, rest string) error {
	switch s.verb {
	case "say":
		sayf(ctx, "%s", s.args)
	case "now":
		sayf(ctx, "it is %s", workflow.Now(ctx).Format(time.TimeOnly))
	case "return":
		in.result = value(s.args)
		return errReturn
	case "fail":
		return workflow.NewError(first, rest)
	case "panic":
		panic(s.args)
	}
	return nil
}

// nested executes the statements that have a block:
//
//	go           in a coroutine of its own
//	try          and say the block's error instead of returning it
//	scope NAME   with a context that cancel NAME cancels
//	within D     with a context that ends after a while
//	detached     with a context that is never cancelled
//	repeat N
//	handle NAME  with the block, whose return is the update's result; arg says what the update carries
//	refuse NAME  the same, and the validator refuses every update that carries null
//	answer NAME  queries with the block, whose return is the answer; without a block, with the flags that are set
//	select       the block has the cases: receive, get and default, each with a block
func (in *interpreter) nested(ctx workflow.Context, s statement, first string) error {
	switch s.verb {
	case "go":
		workflow.Go(ctx, func(ctx workflow.Context) {
			if err := in.block(ctx, s.body); err != nil && !errors.Is(err, errReturn) {
				sayf(ctx, "coroutine: %v", err)
			}
		})
	case "try":
		if err := in.block(ctx, s.body); err != nil {
			sayf(ctx, "error: %v", err)
		}
	case "scope":
		child, cancel := workflow.WithCancel(ctx)
		in.cancels[first] = cancel
		return in.block(child, s.body)
	case "handle", "refuse":
		in.handle(ctx, s, first)
	case "answer":
		workflow.HandleQuery(ctx, workflow.NewQuery[any, any](first), func(any) (any, error) { return in.answer(ctx, s.body) })
	case "within":
		child, cancel := workflow.WithTimeout(ctx, duration(first))
		defer cancel()
		return in.block(child, s.body)
	case "detached":
		return in.block(workflow.Disconnected(ctx), s.body)
	case "repeat":
		n, _ := strconv.Atoi(first)
		for range n {
			if err := in.block(ctx, s.body); err != nil {
				return err
			}
		}
	case "select":
		return in.choose(ctx, s.body)
	default:
		panic("unknown statement " + s.verb)
	}
	return nil
}

// handle sets an update's handler. What its block returns, or fails with, is the update's.
func (in *interpreter) handle(ctx workflow.Context, s statement, name string) {
	var opts []workflow.UpdateOption[any]
	if s.verb == "refuse" {
		opts = append(opts, workflow.Validate(func(ctx workflow.Context, v any) error {
			sayf(ctx, "%s is asked: %v", name, v)
			switch v {
			case nil:
				return errors.New("null is nothing")
			case "sleep":
				return workflow.Sleep(ctx, time.Hour)
			}
			return nil
		}))
	}
	workflow.HandleUpdate(ctx, workflow.NewUpdate[any, any](name), func(ctx workflow.Context, v any) (any, error) {
		sayf(ctx, "%s %s: %v", name, workflow.UpdateInfo(ctx).ID, v)
		return in.inner(ctx, s.body)
	}, opts...)
}

// answer is what a query is answered.
func (in *interpreter) answer(ctx workflow.Context, p program) (any, error) {
	if len(p) == 0 {
		return slices.Sorted(maps.Keys(in.flags)), nil
	}
	return in.inner(ctx, p)
}

// inner runs a block that has a result of its own.
func (in *interpreter) inner(ctx workflow.Context, p program) (any, error) {
	inner := *in
	inner.result = nil
	err := inner.block(ctx, p)
	if errors.Is(err, errReturn) {
		err = nil
	}
	return inner.result, err
}

func (in *interpreter) choose(ctx workflow.Context, p program) error {
	var cases []workflow.Case
	var then error
	for _, s := range p {
		name, _ := word(s.args)
		branch := func(v any, err error) {
			sayf(ctx, "%s: %s", name, show(v, err))
			then = in.block(ctx, s.body)
		}
		switch s.verb {
		case "receive":
			cases = append(cases, workflow.OnReceive(workflow.NewSignal[any](name), func(v any) { branch(v, nil) }))
		case "get":
			cases = append(cases, workflow.OnReady(in.future(ctx, name), branch))
		case "take":
			cases = append(cases, workflow.OnChannel(in.open(ctx, name), func(v any, _ bool) { branch(v, nil) }))
		case "default":
			cases = append(cases, workflow.Default(func() { then = in.block(ctx, s.body) }))
		}
	}
	if err := workflow.Select(ctx, cases...); err != nil {
		return err
	}
	return then
}

func (in *interpreter) channel(ctx workflow.Context, verb, name, arg string) error {
	ch := in.open(ctx, name)
	switch verb {
	case "send":
		return ch.Send(ctx, value(arg))
	case "take":
		v, err := ch.Receive(ctx)
		return in.outcome(ctx, name, v, err)
	}
	ch.Close()
	return nil
}

func (in *interpreter) open(ctx workflow.Context, name string) *workflow.Channel[any] {
	if in.channels[name] == nil {
		in.channels[name] = workflow.NewChannel[any](ctx, len(name)-1) // a: no room, bb: room for one, ccc: for two
	}
	return in.channels[name]
}

func (in *interpreter) timer(ctx workflow.Context, d time.Duration) workflow.Future[any] {
	timer := workflow.NewTimer(ctx, d)
	f, settle := workflow.NewFuture[any](ctx)
	workflow.Go(workflow.Disconnected(ctx), func(ctx workflow.Context) {
		at, err := timer.Get(ctx)
		settle(at.Format(time.TimeOnly), err)
	})
	return f
}

// future is a started operation; one that was never started is settled with an error.
func (in *interpreter) future(ctx workflow.Context, name string) workflow.Future[any] {
	f, ok := in.futures[name]
	if !ok {
		f, settle := workflow.NewFuture[any](ctx)
		settle(nil, fmt.Errorf("%s was not started", name))
		return f
	}
	return f
}

func (in *interpreter) outcome(ctx workflow.Context, name string, v any, err error) error {
	if err == nil {
		sayf(ctx, "%s: %s", name, show(v, nil))
	}
	return err
}

func show(v any, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	return fmt.Sprint(v)
}

func duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d
}
