package workflow

import (
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// ChildOption changes how a child workflow is run. See [DoChild].
type ChildOption func(*childCall)

// childCall is what the options of a child say.
type childCall struct {
	command protocol.StartChildWorkflowExecution
	wait    bool
	err     error // of an option whose value cannot be used
}

// ParentClosePolicy says what happens to a child when its parent's run ends, in whatever way.
type ParentClosePolicy = protocol.ParentClosePolicy

// Parent close policies.
const (
	ParentCloseTerminate     = protocol.ParentCloseTerminate     // the child is terminated: the default
	ParentCloseAbandon       = protocol.ParentCloseAbandon       // the child goes on
	ParentCloseRequestCancel = protocol.ParentCloseRequestCancel // the child is asked to stop
)

// ReusePolicy says whether a workflow ID whose latest run has ended may be used again.
type ReusePolicy = protocol.ReusePolicy

// ChildID is the child's workflow ID. Defaults to one that is made of the parent's run ID and a number, and that no other run has.
func ChildID(id string) ChildOption {
	return func(c *childCall) {
		c.command.WorkflowID = id
		if err := protocol.ValidateID("workflow ID", id); err != nil {
			c.err = err
		}
	}
}

// ChildQueue names the task queue whose workers run the child. Defaults to the parent's own.
func ChildQueue(name string) ChildOption { return func(c *childCall) { c.command.Queue = name } }

// ChildExecutionTimeout limits the child with all its retries and continuations. Defaults to no limit.
func ChildExecutionTimeout(d time.Duration) ChildOption {
	return func(c *childCall) { c.command.ExecutionTimeout = protocol.Duration(d) }
}

// ChildRunTimeout limits each run of the child. Defaults to no limit.
func ChildRunTimeout(d time.Duration) ChildOption {
	return func(c *childCall) { c.command.RunTimeout = protocol.Duration(d) }
}

// ChildTaskTimeout limits how long a worker may take over one step of the child. Defaults to 10 s.
func ChildTaskTimeout(d time.Duration) ChildOption {
	return func(c *childCall) { c.command.TaskTimeout = protocol.Duration(d) }
}

// ChildRetry starts the child again when it fails or times out. Defaults to no retry; the zero [RetryPolicy] tries for ever.
func ChildRetry(p RetryPolicy) ChildOption {
	return func(c *childCall) { c.command.RetryPolicy = &p }
}

// ChildReuse says whether the child may use the ID of a workflow that has ended. Defaults to yes, however it ended.
func ChildReuse(p ReusePolicy) ChildOption { return func(c *childCall) { c.command.Reuse = p } }

// ParentClose says what happens to the child when this run ends, in whatever way. Defaults to [ParentCloseTerminate].
func ParentClose(p ParentClosePolicy) ChildOption {
	return func(c *childCall) { c.command.ParentClosePolicy = p }
}

// ChildMemo attaches values that lists and descriptions show. They must be encodable as JSON.
func ChildMemo(values map[string]any) ChildOption {
	return func(c *childCall) {
		c.command.Memo = make(map[string]protocol.Payload, len(values))
		for k, v := range values {
			p, err := protocol.Encode(v)
			if err != nil {
				c.err = payloadError("the memo "+k+" cannot be encoded", err)
			}
			c.command.Memo[k] = p
		}
	}
}

// ChildSearchAttributes are what the child can be found by; [SearchKey] makes them.
func ChildSearchAttributes(attributes ...SearchAttribute) ChildOption {
	return func(c *childCall) { c.command.SearchAttributes = protocol.SearchAttributes(attributes...) }
}

// WaitForChild makes the parent wait for a child that it has cancelled until it has really ended, and learn how. By default it does not
// wait: a cancelled child is asked to stop, and its future settles at once.
func WaitForChild() ChildOption { return func(c *childCall) { c.wait = true } }

func newChildCall(name string, in any, opts []ChildOption) (childCall, error) {
	c := childCall{command: protocol.StartChildWorkflowExecution{WorkflowType: name}}
	for _, o := range opts {
		o(&c)
	}
	if c.err != nil {
		return c, c.err
	}
	if err := c.validate(); err != nil {
		return c, err
	}
	input, err := protocol.Encode(in)
	if err != nil {
		return c, payloadError("the input of workflow "+name+" cannot be encoded", err)
	}
	c.command.Input = input
	return c, nil
}

// validate reports options that the orchestrator would refuse. They may have been computed from data, so the workflow gets an error
// that it can handle.
func (c *childCall) validate() error {
	s := c.command
	if s.ExecutionTimeout < 0 || s.RunTimeout < 0 || s.TaskTimeout < 0 {
		return protocol.Errorf(protocol.CodeBadRequest, "child workflow %s has a negative timeout", s.WorkflowType)
	}
	if s.Queue != "" {
		if err := protocol.ValidateQueue(s.Queue); err != nil {
			return err
		}
	}
	if err := s.Reuse.Validate(); err != nil {
		return err
	}
	if s.RetryPolicy != nil {
		if err := s.RetryPolicy.Validate(); err != nil {
			return err
		}
	}
	return s.ParentClosePolicy.Validate()
}
