package workflow

import (
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
)

// Interceptor wraps what the workflows of a worker do, as middleware wraps a handler of net/http: each function gets what it wraps and
// returns what is to be called in its place. Those that are nil wrap nothing. A worker takes them with worker.Intercept; the first one is
// the outermost.
//
// Interceptors are workflow code: they run again in a replay, and what they do must be the same then. [Logger] is silent while they do,
// and [Now] is the run's time. Adding one that asks for something of its own, such as an activity, changes what open runs ask for.
type Interceptor struct {
	// Execute wraps the workflow's function, from its start to its return.
	Execute func(next ExecuteFunc) ExecuteFunc
	// Activity wraps each activity that the code asks for, local ones too. It may change what is asked for, such as its headers. done is
	// called once with what came of it, between the steps of the code: it must not wait.
	Activity func(next ActivityFunc) ActivityFunc
	// Child wraps each child workflow that the code asks for, in the same way.
	Child func(next ChildFunc) ChildFunc
	// Receive wraps the taking of each signal: [Receive], [TryReceive] and [OnReceive]. in is what the signal carries, and [Header] reads
	// its headers. An error is what the code gets in place of the signal.
	Receive func(next ReceiveFunc) ReceiveFunc
	// Update wraps the handler of each update, from its acceptance to its result, and Validate what decides on its acceptance; the latter
	// is not called in a replay. [UpdateInfo] tells which update it is.
	Update   func(next UpdateFunc) UpdateFunc
	Validate func(next ValidateFunc) ValidateFunc
	// Query wraps the handler of each query. Like that, it must change nothing and not wait.
	Query func(next QueryFunc) QueryFunc
	// Timer wraps each [Sleep] and [NewTimer], in the same way.
	Timer func(next TimerFunc) TimerFunc
}

// What an [Interceptor] wraps.
type (
	// ExecuteFunc runs a workflow.
	ExecuteFunc = func(ctx Context, in protocol.Payload) (protocol.Payload, error)
	// ActivityFunc asks for an activity.
	ActivityFunc = func(ctx Context, c protocol.ScheduleActivityTask, done func(protocol.Payload, error))
	// ChildFunc asks for a child workflow. began is called when it has begun or will not, and before done.
	ChildFunc = func(ctx Context, c protocol.StartChildWorkflowExecution, began func(Execution, error), done func(protocol.Payload, error))
	// ReceiveFunc takes a signal of a name.
	ReceiveFunc = func(ctx Context, name string, in protocol.Payload) (protocol.Payload, error)
	// ValidateFunc decides on an update: an error rejects it.
	ValidateFunc = func(ctx Context, in protocol.Payload) error
	// UpdateFunc handles an update.
	UpdateFunc = func(ctx Context, in protocol.Payload) (protocol.Payload, error)
	// QueryFunc answers a query of a name.
	QueryFunc = func(ctx Context, name string, in protocol.Payload) (protocol.Payload, error)
	// TimerFunc starts a timer of a length above zero.
	TimerFunc = func(ctx Context, d time.Duration, done func(error))
)

// IsReplaying reports whether the present step was taken before and only repeats what it did. It is for what the outside world sees, such
// as metrics, which must count once. What the workflow does must not depend on it.
func IsReplaying(ctx Context) bool { return ctx.env().Replaying() }

// intercepted wraps what does the work in what the interceptors have for it.
func intercepted[F any](ctx Context, f F, wrapper func(Interceptor) func(F) F) F {
	return intercept(ctx.run.interceptors, f, wrapper)
}

func intercept[F any](all []Interceptor, f F, wrapper func(Interceptor) func(F) F) F {
	for _, i := range slices.Backward(all) {
		if wrap := wrapper(i); wrap != nil {
			f = wrap(f)
		}
	}
	return f
}

// schedule asks for an activity, which ends with ctx.
func schedule(ctx Context, c protocol.ScheduleActivityTask, done func(protocol.Payload, error)) {
	bind(ctx, func(done func(protocol.Payload, error)) *replay.Operation { return ctx.env().ScheduleActivity(c, done) }, done)
}

// runLocal asks for a local activity, which ends with ctx.
func runLocal(ctx Context, c protocol.ScheduleActivityTask, done func(protocol.Payload, error)) {
	bind(ctx, func(done func(protocol.Payload, error)) *replay.Operation { return ctx.env().StartLocal(c, done) }, done)
}

// bind starts something that is cancelled with ctx, and forgets that when it has ended.
func bind(ctx Context, start func(func(protocol.Payload, error)) *replay.Operation, done func(protocol.Payload, error)) {
	forget := func() {}
	op := start(func(result protocol.Payload, err error) {
		forget()
		done(result, err)
	})
	forget = ctx.scope.onCancel(op.Cancel)
}
