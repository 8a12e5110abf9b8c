package workflow

import (
	"maps"

	"github.com/millrace-dev/millrace/protocol"
)

// Execution names one run of a workflow.
type Execution = protocol.Execution

// Child is a child workflow: a run of its own, with its own history, that this run has started. Get waits for its result, every time
// the same; in a [Select], use [OnReady] with its Future.
type Child[O any] struct {
	Future[O]
	started Future[Execution]
	wait    bool // even when the context is cancelled
}

// DoChild runs a child workflow and waits for its result. The child is a function that some worker of the queue has registered; the
// call goes by its name, so the function need not be linked into that worker's program. See [Workflow] for those that are known by
// name only.
//
// Use a child for what needs a history, an ID or a life of its own, and an activity for what does not: a child costs several steps
// of two workflows. By default it runs on the queue of its parent, under an ID that is made of the parent's run ID and a number, it
// is not tried again when it fails, and it is terminated when the parent ends in whatever way; see [ChildOption].
//
// The error is a *protocol.Failure: errors.As finds a *protocol.ChildWorkflowFailure in it and, below, what the child returned, such
// as a *protocol.ApplicationFailure with its type. If a run of the ID is open already, errors.Is(err, protocol.ErrAlreadyStarted).
//
// DoChild returns an error that matches [ErrCanceled] when ctx is cancelled: the child is not started, or is asked to stop and no
// longer waited for, unless [WaitForChild] says so.
func DoChild[I, O any](ctx Context, child func(Context, I) (O, error), in I, opts ...ChildOption) (O, error) {
	return StartChild(ctx, child, in, opts...).result(ctx)
}

// StartChild is like [DoChild] but does not wait.
func StartChild[I, O any](ctx Context, child func(Context, I) (O, error), in I, opts ...ChildOption) Child[O] {
	return startChild[O](ctx, functionName("child workflow", child), in, opts)
}

// Workflow is a workflow that is known by name: one that is written in another language, or registered under a name of its own. I is
// what it takes and O what it returns, as JSON.
type Workflow[I, O any] struct{ name string }

// NewWorkflow names a workflow. Declare it once, as a package variable.
func NewWorkflow[I, O any](name string) Workflow[I, O] { return Workflow[I, O]{name: name} }

// Name is the workflow's type.
func (w Workflow[I, O]) Name() string { return w.name }

// Do runs the workflow as a child and waits for its result; see [DoChild].
func (w Workflow[I, O]) Do(ctx Context, in I, opts ...ChildOption) (O, error) {
	return w.Start(ctx, in, opts...).result(ctx)
}

// Start is like Do but does not wait.
func (w Workflow[I, O]) Start(ctx Context, in I, opts ...ChildOption) Child[O] {
	return startChild[O](ctx, w.name, in, opts)
}

// Started waits until the child has begun, and returns its workflow ID and the ID of its first run. A child that is to outlive its
// parent must have begun before the parent ends, unless its [ParentClose] policy is ParentCloseAbandon.
func (c Child[O]) Started(ctx Context) (Execution, error) { return c.started.Get(ctx) }

// Signal waits until the child has begun and signals it; see [SignalExternal].
func (c Child[O]) Signal(ctx Context, name string, value any) error {
	e, err := c.Started(ctx)
	if err != nil {
		return err
	}
	return signalExternal(ctx, protocol.SignalExternalWorkflowExecution{
		WorkflowID: e.Workflow, FirstRunID: e.Run, SignalName: name,
	}, value)
}

// SignalChild is the method Signal under a typed name.
func SignalChild[T, O any](ctx Context, child Child[O], sig Signal[T], value T) error {
	return child.Signal(ctx, sig.Name(), value)
}

// result waits for the child, and, if it is one to wait for, even when ctx is cancelled: the child then ends soon.
func (c Child[O]) result(ctx Context) (O, error) {
	if c.wait {
		ctx = Disconnected(ctx)
	}
	return c.Get(ctx)
}

func startChild[O any](ctx Context, name string, in any, opts []ChildOption) Child[O] {
	child := Child[O]{Future: newFuture[O](), started: newFuture[Execution]()}
	refuse := func(err error) Child[O] {
		var zero O
		child.started.cell.settle(Execution{}, err)
		child.cell.settle(zero, err)
		return child
	}
	if err := ctx.Err(); err != nil {
		return refuse(err)
	}
	call, err := newChildCall(name, in, opts)
	if err != nil {
		return refuse(err)
	}
	child.wait = call.wait
	call.command.Headers = maps.Clone(ctx.outgoing())
	ask := intercepted(ctx, call.start, func(i Interceptor) func(ChildFunc) ChildFunc { return i.Child })
	ask(ctx, call.command, child.started.cell.settle, func(result protocol.Payload, err error) {
		child.cell.settle(decodeResult[O]("workflow "+name, result, err))
	})
	return child
}

// start asks for the child, which ends with ctx.
func (c childCall) start(
	ctx Context, command protocol.StartChildWorkflowExecution, began func(Execution, error), done func(protocol.Payload, error),
) {
	forget := func() {}
	op := ctx.env().StartChild(command, c.wait, began, func(result protocol.Payload, err error) {
		forget()
		done(result, err)
	})
	forget = ctx.scope.onCancel(op.Cancel)
}
