package engine

import (
	"errors"
	"fmt"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// fourShards makes a parent and its children live on different shards.
func fourShards(o *orchestrator.Options) { o.Shards = 4 }

type order struct {
	Item  string
	Count int
}

// Ship is a child with a typed result.
func Ship(_ workflow.Context, o order) (order, error) {
	if o.Count == 0 {
		return o, workflow.NewError("OutOfStock", "no more "+o.Item, o)
	}
	return order{Item: "shipped " + o.Item, Count: o.Count}, nil
}

// Sell starts one child and returns what it made of the order.
func Sell(ctx workflow.Context, o order) (order, error) {
	return workflow.DoChild(ctx, Ship, o)
}

func TestChildResult(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, fourShards)
	e.Work(t, worker.Workflow(Sell), worker.Workflow(Ship))
	run := rig.Run(t, e, Sell, order{"lamp", 2}, client.ID("sale"))
	if got, want := rig.Result(t, run), (order{"shipped lamp", 2}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	events := e.History(t, "sale")
	asked := rig.Find[protocol.StartChildWorkflowExecutionInitiated](events)
	begun := rig.Find[protocol.ChildWorkflowExecutionStarted](events)
	ended := rig.Find[protocol.ChildWorkflowExecutionCompleted](events)
	if len(asked) != 1 || len(begun) != 1 || len(ended) != 1 {
		t.Fatalf("the parent's history is %v", rig.Types(events))
	}
	child := rig.Find[protocol.WorkflowExecutionStarted](e.History(t, asked[0].WorkflowID))[0]
	want := protocol.Origin{Workflow: "sale", Run: run.RunID(), Event: begun[0].InitiatedID}
	if child.Parent == nil || *child.Parent != want || child.RunID != begun[0].RunID || child.Root == nil || child.Root.Run != run.RunID() {
		t.Errorf("the child says it was started by %v as %s of %v", child.Parent, child.RunID, child.Root)
	}
}

func TestChildFailure(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, fourShards)
	e.Work(t, worker.Workflow(Sell), worker.Workflow(Ship))
	_, err := rig.Run(t, e, Sell, order{"lamp", 0}).Wait(t.Context())
	var child *protocol.ChildWorkflowFailure
	var app *protocol.ApplicationFailure
	if !errors.As(err, &child) || child.WorkflowType != "engine.Ship" || child.RunID == "" {
		t.Errorf("the error %v does not name the child", err)
	}
	f, _ := errors.AsType[*protocol.Failure](err)
	if f == nil || f.Cause == nil || !errors.As(f.Cause, &app) || app.Type != "OutOfStock" {
		t.Errorf("the error %v has no cause of type OutOfStock", err)
	}
}

// Square is the least child there can be.
func Square(_ workflow.Context, n int) (int, error) { return n * n, nil }

// Squares starts n children at once and adds up what they return.
func Squares(ctx workflow.Context, n int) (int, error) {
	children := make([]workflow.Child[int], n)
	for i := range children {
		children[i] = workflow.StartChild(ctx, Square, i, workflow.ChildID(fmt.Sprintf("square-%d", i)))
	}
	sum := 0
	for _, c := range children {
		v, err := c.Get(ctx)
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum, nil
}

func TestHundredChildren(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, fourShards)
	e.Work(t, worker.Workflow(Squares), worker.Workflow(Square))
	if got, want := rig.Result(t, rig.Run(t, e, Squares, 100)), 328350; got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}
