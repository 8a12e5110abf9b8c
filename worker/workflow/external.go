package workflow

import (
	"maps"

	"github.com/millrace-dev/millrace/protocol"
)

// ExternalOption says more about what [SignalExternal] and [CancelExternal] speak to.
type ExternalOption func(*external)

// external is what the options say.
type external struct{ run, reason string }

// InRun speaks to this run only. Defaults to the open run of the workflow ID, whichever it is.
func InRun(run string) ExternalOption { return func(x *external) { x.run = run } }

// Because gives a reason, which the other workflow's history shows. It is for [CancelExternal].
func Because(reason string) ExternalOption { return func(x *external) { x.reason = reason } }

// SignalExternal signals another workflow, of whatever kind and whoever started it, and returns when the signal is part of that
// workflow's history: it will be delivered, once. Use [SignalChild] for a child of this run.
//
// errors.Is tells a refusal: protocol.ErrNotFound when there is no such workflow, protocol.ErrClosed when it has ended. The error
// matches [ErrCanceled] when ctx is cancelled before; the signal may then be delivered all the same.
func SignalExternal[T any](ctx Context, id string, sig Signal[T], value T, opts ...ExternalOption) error {
	x := externalOf(opts)
	return signalExternal(ctx, protocol.SignalExternalWorkflowExecution{WorkflowID: id, RunID: x.run, SignalName: sig.Name()}, value)
}

// CancelExternal asks another workflow to stop, and returns when the request is part of that workflow's history; when and whether it
// stops is its own affair. Errors are those of [SignalExternal]. To cancel a child, cancel the context that it was started with.
func CancelExternal(ctx Context, id string, opts ...ExternalOption) error {
	x := externalOf(opts)
	if err := checkExternal(ctx, id); err != nil {
		return err
	}
	f := newFuture[struct{}]()
	op := ctx.env().CancelExternal(protocol.RequestCancelExternalWorkflowExecution{
		WorkflowID: id, RunID: x.run, Reason: x.reason,
	}, func(err error) { f.cell.settle(struct{}{}, err) })
	return awaitAnswer(ctx, f, op.Cancel)
}

func signalExternal(ctx Context, c protocol.SignalExternalWorkflowExecution, value any) error {
	if err := checkExternal(ctx, c.WorkflowID); err != nil {
		return err
	}
	if c.SignalName == "" {
		return protocol.Errorf(protocol.CodeBadRequest, "a signal needs a name")
	}
	input, err := protocol.Encode(value)
	if err != nil {
		return payloadError("the value of signal "+c.SignalName+" cannot be encoded", err)
	}
	c.Input, c.Headers = input, maps.Clone(ctx.outgoing())
	f := newFuture[struct{}]()
	op := ctx.env().SignalExternal(c, func(err error) { f.cell.settle(struct{}{}, err) })
	return awaitAnswer(ctx, f, op.Cancel)
}

func externalOf(opts []ExternalOption) (x external) {
	for _, o := range opts {
		o(&x)
	}
	return x
}

// checkExternal reports what the orchestrator would refuse; the ID may have been computed from data.
func checkExternal(ctx Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return protocol.ValidateID("workflow ID", id)
}

// awaitAnswer waits for what another workflow makes of a request, unless ctx is cancelled.
func awaitAnswer(ctx Context, f Future[struct{}], cancel func()) error {
	forget := ctx.scope.onCancel(cancel)
	defer forget()
	_, err := f.Get(ctx)
	return err
}
