package workflow

import (
	"fmt"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
)

// Update is a typed name: I is what the update carries and O what it comes to. Clients ask for it and wait for the answer, and
// workflows handle it.
type Update[I, O any] = protocol.Update[I, O]

// NewUpdate names an update. Declare it once, as a package variable beside the workflow that handles it.
func NewUpdate[I, O any](name string) Update[I, O] { return protocol.NewUpdate[I, O](name) }

// HandleUpdate calls handle for each update of that name, in a coroutine of its own, with a context that ends with ctx. What
// handle returns is the update's result; it may run activities, sleep and wait like any workflow code. An error is the update's
// and not the run's. A panic is neither: the step fails, as with any workflow code, and is tried again.
//
// Set the handlers before the workflow waits for the first time: updates that come with a step are handed over when the code has
// seen everything else of the step and waits, and one that finds no handler is rejected. A later HandleUpdate of the same name
// takes the place of the first.
//
// An update whose handler has not returned when the workflow does fails. See [AllHandlersFinished].
func HandleUpdate[I, O any](
	ctx Context, update Update[I, O], handle func(ctx Context, in I) (O, error), opts ...UpdateOption[I],
) {
	var u updateOptions[I]
	for _, o := range opts {
		o(&u)
	}
	name := update.Name()
	validate := func(ctx Context, p protocol.Payload) error {
		in, err := updateInput[I](name, p)
		if err != nil || u.validate == nil {
			return err
		}
		return u.validate(ctx, in)
	}
	run := func(ctx Context, p protocol.Payload) (protocol.Payload, error) {
		return handleUpdate(ctx, name, p, handle)
	}
	ctx.env().HandleUpdates(name, replay.UpdateHandler{
		Validate: func(call protocol.UpdateCall) error {
			f := intercepted(ctx, validate, func(i Interceptor) func(ValidateFunc) ValidateFunc { return i.Validate })
			return f(ctx.inUpdate(call), call.Input)
		},
		Handle: func(call protocol.UpdateCall) (protocol.Payload, error) {
			f := intercepted(ctx, run, func(i Interceptor) func(UpdateFunc) UpdateFunc { return i.Update })
			return f(ctx.inUpdate(call), call.Input)
		},
	})
}

func handleUpdate[I, O any](
	ctx Context, name string, p protocol.Payload, handle func(ctx Context, in I) (O, error),
) (protocol.Payload, error) {
	in, err := updateInput[I](name, p)
	if err != nil {
		return protocol.Payload{}, err
	}
	out, err := handle(ctx, in)
	if err != nil {
		return protocol.Payload{}, err
	}
	result, err := protocol.Encode(out)
	if err != nil {
		return protocol.Payload{}, payloadError(fmt.Sprintf("the result of update %s cannot be encoded", name), err)
	}
	return result, nil
}

// UpdateOption changes how updates are handled. See [HandleUpdate].
type UpdateOption[I any] func(*updateOptions[I])

type updateOptions[I any] struct{ validate func(Context, I) error }

// Validate refuses updates before they are accepted: an update for which f returns an error, or panics, is rejected, its handler is not
// called, and nothing of it is recorded. f may look at the workflow's variables and must not change them, and must not wait or ask for
// anything: it does not run in a replay. An update whose value does not fit I is rejected without asking f.
func Validate[I any](f func(ctx Context, in I) error) UpdateOption[I] {
	return func(o *updateOptions[I]) { o.validate = f }
}

func updateInput[I any](name string, p protocol.Payload) (I, error) {
	var in I
	if err := p.Decode(&in); err != nil {
		var zero I
		return zero, payloadError(fmt.Sprintf("the value of update %s cannot be decoded", name), err)
	}
	return in, nil
}

// AllHandlersFinished reports whether every update that was accepted has completed. A workflow that should not leave any behind
// waits for that before it returns:
//
//	err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
func AllHandlersFinished(ctx Context) bool { return ctx.env().OpenUpdates() == 0 }

// UpdateCall names an update that is being handled. See [UpdateInfo].
type UpdateCall struct {
	// ID is the update's ID, unique in its run. The same ID is handled once, however often a client asks.
	ID string
	// Name is the update's name.
	Name string
}

// UpdateInfo tells which update a handler or a validator was called for; it is zero elsewhere.
func UpdateInfo(ctx Context) UpdateCall { return ctx.update }

func (ctx Context) inUpdate(call protocol.UpdateCall) Context {
	ctx.update = UpdateCall{ID: call.UpdateID, Name: call.Name}
	return ctx.withHeaders(call.Headers)
}

// warnUnfinished says that the workflow returns while handlers are at work: whoever waits for their updates gets an error.
func warnUnfinished(ctx Context) {
	if n := ctx.env().OpenUpdates(); n > 0 {
		Logger(ctx).Warn("the workflow returns before its update handlers have: their updates fail; "+
			"wait for workflow.AllHandlersFinished first", "unfinished", n)
	}
}
