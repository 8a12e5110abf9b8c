package replay_test

import (
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// others executes the statements that concern other workflows:
//
//	child NAME TYPE JSON      start a child without waiting; get NAME waits for it
//	patient NAME TYPE JSON    the same, and wait for it even when it is cancelled
//	named NAME ID TYPE JSON   the same as child, under a workflow ID
//	begun NAME                wait until the child has begun, and say where
//	tell NAME SIGNAL JSON     signal the child
//	signal ID SIGNAL JSON     signal another workflow
//	halt ID                   ask another workflow to stop
func (in *interpreter) others(ctx workflow.Context, s statement, first, rest string) (known bool, err error) {
	second, arg := word(rest)
	switch s.verb {
	case "child":
		in.start(first, workflow.NewWorkflow[any, any](second).Start(ctx, value(arg)))
	case "patient":
		in.start(first, workflow.NewWorkflow[any, any](second).Start(ctx, value(arg), workflow.WaitForChild()))
	case "named":
		typ, arg := word(arg)
		in.start(first, workflow.NewWorkflow[any, any](typ).Start(ctx, value(arg), workflow.ChildID(second)))
	case "begun":
		e, err := in.children[first].Started(ctx)
		return true, in.outcome(ctx, first, "begun as "+e.Workflow, err)
	case "tell":
		return true, in.children[first].Signal(ctx, second, value(arg))
	case "signal":
		return true, workflow.SignalExternal(ctx, first, workflow.NewSignal[any](second), value(arg))
	case "halt":
		return true, workflow.CancelExternal(ctx, first)
	default:
		return false, nil
	}
	return true, nil
}

func (in *interpreter) start(name string, c workflow.Child[any]) {
	in.children[name], in.futures[name] = c, c.Future
}

// othersHappen plays what other workflows do:
//
//	begins ID             child ID has begun
//	taken ID              it has not: the ID is taken
//	ends ID JSON          it has ended; also breaks ID TYPE MESSAGE, and stops ID (a cancellation)
//	answers ID [CODE]     workflow ID took the last signal or cancellation, or refused it
func (s *story) othersHappen(verb, first, rest string) bool {
	w := s.world
	switch verb {
	case "begins":
		w.StartedChild(first)
	case "taken":
		w.RefuseChild(first)
	case "ends":
		w.CompleteChild(first, value(rest))
	case "breaks":
		typ, message := word(rest)
		w.FailChild(first, &protocol.Failure{Message: message, Application: &protocol.ApplicationFailure{Type: typ}})
	case "stops":
		w.CancelChild(first)
	case "answers":
		var refused *protocol.Error
		if rest != "" {
			refused = protocol.Errorf(protocol.Code(rest), "workflow %q is not there", first)
		}
		w.AnswerExternal(first, refused)
	default:
		return false
	}
	return true
}
