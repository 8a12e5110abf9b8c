package workflow

import (
	"log/slog"
	"math/rand/v2"

	"github.com/millrace-dev/millrace/worker/replay"
)

// Context is a workflow's connection to its run. It is not a context.Context: waiting for a channel or calling a server
// with it would not survive a crash, so it does not compile.
//
// A Context is an immutable value. [WithCancel], [WithTimeout], [Disconnected] and [WithActivityOptions] derive others
// from it. It is valid until the workflow returns, in the workflow's own coroutines only.
type Context struct {
	run      *run
	scope    *scope
	defaults []ActivityOption
	update   UpdateCall         // that is being handled; zero elsewhere
	values   *value             // the one attached last; see WithValue
	headers  *map[string]string // of activities and children; nil: the run's own
	session  *session           // nil: none
}

// run is what all contexts of a run share.
type run struct {
	env    *replay.Env
	log    *slog.Logger // the worker's; nil: the default
	logger *slog.Logger // the run's, once it was asked for

	interceptors []Interceptor // outermost first
	rand         *rand.Rand
	seed         string // of rand
}

// Err is nil until the context is cancelled, and an error that matches [ErrCanceled] from then on.
func (ctx Context) Err() error {
	ctx.env()
	switch {
	case !ctx.scope.canceled:
		return nil
	case ctx.scope.failure != nil:
		return ctx.scope.failure
	}
	return canceledError(ctx.scope.reason)
}

// env is the run's side of the context.
func (ctx Context) env() *replay.Env {
	if ctx.run == nil {
		panic("workflow: the zero Context belongs to no run: use the one that the workflow was given")
	}
	return ctx.run.env
}

// await blocks until ready reports true or the context is cancelled; it reports the latter as an error.
// What is ready wins over a cancellation.
func (ctx Context) await(ready func() bool, on ...*replay.Waitlist) error {
	ctx.env().Await(func() bool { return ready() || ctx.scope.canceled }, append(on, &ctx.scope.watchers)...)
	if ready() {
		return nil
	}
	return ctx.Err()
}
