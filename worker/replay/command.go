package replay

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// command is something that the code asked for, and where it did.
type command struct {
	attributes protocol.CommandAttributes
	op         *Operation        // what it starts or cancels; nil when it closes the run
	recorded   func(event int64) // called when the command is history; nil for an operation's
	sent       bool              // the step is over: it can no longer be taken back
	dropped    bool
	callers    []uintptr // of the code, see [Run.callers]
}

// maxCallers is how far up the stack workflow code is looked for. The frames between it and emit are ours, and few.
const maxCallers = 12

// emit adds a command to the step. What code asks for while it is unwound never happened.
func (r *Run) emit(attributes protocol.CommandAttributes, op *Operation) *command {
	r.mayChange("ask for anything")
	c := &command{attributes: attributes, op: op}
	if r.sched.unwinding || r.closed {
		c.sent = true
		return c
	}
	r.bound(attributes)
	c.callers = r.callers(4)
	r.turn.commands = append(r.turn.commands, c)
	return c
}

// callers is where the code is that asks for something, after some frames of ours, while it is compared with history: only then may
// somebody have to be told, and looking costs a tenth of a short step. It costs a third of the replay of a whole history, which can be
// replayed once more to look: see [Run.explain].
func (r *Run) callers(skip int) []uintptr {
	if !r.turn.replaying || r.blind {
		return nil
	}
	var found [maxCallers]uintptr
	return slices.Clone(found[:runtime.Callers(skip, found[:])])
}

// bound panics, and so fails the step, when the code asks for more than a step can have. What was recorded was less.
func (r *Run) bound(attributes protocol.CommandAttributes) {
	t := &r.turn
	t.carried += protocol.Carried(attributes)
	switch {
	case t.replaying:
	case len(t.commands) >= protocol.MaxCommands:
		panic(fmt.Sprintf("the code asks for more than %d things in one step: it never waits for any of them, or should be cut into steps",
			protocol.MaxCommands))
	case t.carried > protocol.MaxStepBytes:
		panic(fmt.Sprintf("what the code asks for in one step carries more than %d MB of values", protocol.MaxStepBytes>>20))
	}
}

// takeBack drops a command that has not left the step, and reports whether it could.
func (c *command) takeBack() bool {
	if c.sent {
		return false
	}
	c.dropped = true
	return true
}

// settle ends the step: what is left of its commands will be sent.
func (t *turn) settle() {
	kept := t.commands[:0]
	for _, c := range t.commands {
		if c.sent = true; !c.dropped {
			kept = append(kept, c)
		}
	}
	clear(t.commands[len(kept):])
	t.commands = kept
}

// wire returns the step's commands as they are sent.
func (t *turn) wire() []protocol.Command {
	if len(t.commands) == 0 {
		return nil
	}
	out := make([]protocol.Command, len(t.commands))
	for i, c := range t.commands {
		out[i].Attributes = c.attributes
	}
	return out
}
