package workflow

import (
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
)

// ContinueOption changes what the next run is given. See [ContinueAsNew].
type ContinueOption func(*continueCall)

// continueCall is what the options of a continuation say.
type continueCall struct {
	protocol.ContinueAsNewWorkflowExecution

	err error // of an option whose value cannot be used
}

// ContinueAsNew returns the error with which a workflow ends its run for a new one under the same workflow ID: the way to keep the
// history of a workflow short that goes on for ever. next is the workflow to go on with, most often the same one, and in its input.
//
//	if workflow.GetInfo(ctx).SuggestContinueAsNew {
//		return zero, workflow.ContinueAsNew(ctx, Account, balance)
//	}
//
// The new run begins at once and with an empty history. Signals that were not received wait in it, in the order of their arrival;
// activities, timers and children of the old run are not carried over. Memo, timeouts, queue and retry policy stay as they are
// unless an option says otherwise. Whoever waits for the workflow waits for the last run of the chain.
func ContinueAsNew[I, O any](ctx Context, next func(Context, I) (O, error), in I, opts ...ContinueOption) error {
	name, err := protocol.FuncName(next)
	if err != nil {
		return fmt.Errorf("continue as new: %w", err)
	}
	return ContinueAsNewNamed(ctx, name, in, opts...)
}

// ContinueAsNewNamed is [ContinueAsNew] for a workflow that is known by its type only.
func ContinueAsNewNamed(_ Context, typ string, in any, opts ...ContinueOption) error {
	input, err := protocol.Encode(in)
	if err != nil {
		return payloadError("the input of workflow "+typ+" cannot be encoded", err)
	}
	c := continueCall{ContinueAsNewWorkflowExecution: protocol.ContinueAsNewWorkflowExecution{WorkflowType: typ, Input: input}}
	for _, o := range opts {
		o(&c)
	}
	if c.err != nil {
		return c.err
	}
	return &replay.ContinueAsNew{Command: c.ContinueAsNewWorkflowExecution}
}

// NextQueue moves the workflow to another task queue.
func NextQueue(name string) ContinueOption {
	return func(c *continueCall) { c.Queue = name }
}

// NextRunTimeout is how long the next run may take.
func NextRunTimeout(d time.Duration) ContinueOption {
	return func(c *continueCall) { c.RunTimeout = protocol.Duration(d) }
}

// NextTaskTimeout is how long a worker may take over one step of the next run.
func NextTaskTimeout(d time.Duration) ContinueOption {
	return func(c *continueCall) { c.TaskTimeout = protocol.Duration(d) }
}

// NextRetry is the retry policy of the next run.
func NextRetry(p RetryPolicy) ContinueOption {
	return func(c *continueCall) { c.RetryPolicy = &p }
}

// NextMemo replaces the memo. The values must be encodable as JSON.
func NextMemo(values map[string]any) ContinueOption {
	return func(c *continueCall) {
		c.Memo = make(map[string]protocol.Payload, len(values))
		for k, v := range values {
			p, err := protocol.Encode(v)
			if err != nil {
				c.err = payloadError("the memo "+k+" cannot be encoded", err)
			}
			c.Memo[k] = p
		}
	}
}
