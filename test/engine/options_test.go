package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var (
	region = protocol.NewSearchKey[string]("region")
	weight = protocol.NewSearchKey[int]("weight")
	tags   = protocol.NewSearchKey[[]string]("tags")
)

// Voyage tags itself, and goes on as a run on another queue.
func Voyage(ctx workflow.Context, leg int) (int, error) {
	workflow.UpsertSearchAttributes(ctx, weight.Is(10*leg), tags.Is([]string{"fragile", "cold"}))
	if leg == 2 {
		return leg, nil
	}
	memo := workflow.NextMemo(map[string]any{"leg": leg + 1})
	return 0, workflow.ContinueAsNew(ctx, Voyage, leg+1, memo, workflow.NextQueue("sea"), workflow.NextRunTimeout(time.Hour),
		workflow.NextTaskTimeout(7*time.Second), workflow.NextRetry(workflow.RetryPolicy{MaximumAttempts: 2}))
}

// Search attributes are stored with a run, shown by describe and list, and travel with the chain of runs.
func TestSearchAttributesAndContinuations(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Voyage))
	e.WorkOn(t, "sea", worker.Workflow(Voyage))
	run := rig.Run(t, e, Voyage, 1, client.ID("ship"), client.TaskTimeout(6*time.Second),
		client.SearchAttributes(region.Is("north"), weight.Is(1)))
	if got := rig.Result(t, run); got != 2 {
		t.Fatalf("the last leg is %d", got)
	}
	check := func(what string, row protocol.Row) {
		t.Helper()
		where, _ := region.In(row.SearchAttributes)
		kilos, _ := weight.In(row.SearchAttributes)
		marks, _ := tags.In(row.SearchAttributes)
		if where != "north" || kilos != 20 || len(marks) != 2 || row.Memo["leg"].String() != "2" || row.Queue != "sea" {
			t.Errorf("%s shows %v, memo %v, queue %s", what, row.SearchAttributes, row.Memo, row.Queue)
		}
	}
	d, err := e.Client().Describe(t.Context(), "ship")
	if err != nil {
		t.Fatal(err)
	}
	check("describe", d.Row)
	rig.Until(t, "the row", func() bool {
		for row, err := range e.Client().List(t.Context(), protocol.ListRequest{Status: protocol.StatusCompleted}) {
			if err == nil && row.Run == d.Run {
				check("list", row)
				return true
			}
		}
		return false
	})
	events := e.History(t, "ship")
	start := rig.Find[protocol.WorkflowExecutionStarted](events)[0]
	if time.Duration(start.RunTimeout) != time.Hour || start.RetryPolicy == nil || start.RetryPolicy.MaximumAttempts != 2 {
		t.Errorf("the run was continued with %+v", start)
	}
	if task := rig.Find[protocol.WorkflowTaskScheduled](events)[0]; time.Duration(task.Timeout) != 7*time.Second {
		t.Errorf("its steps may take %v", task.Timeout)
	}
}

// Fleet starts a child with every option that a child has.
func Fleet(ctx workflow.Context, _ struct{}) (string, error) {
	opts := []workflow.ChildOption{
		workflow.ChildID("boat"), workflow.ChildQueue("sea"), workflow.ChildReuse(protocol.ReuseReject),
		workflow.ChildExecutionTimeout(2 * time.Hour), workflow.ChildRunTimeout(time.Hour), workflow.ChildTaskTimeout(7 * time.Second),
		workflow.ChildMemo(map[string]any{"captain": "Ada"}), workflow.ChildSearchAttributes(region.Is("south")),
	}
	if _, err := workflow.DoChild(ctx, Boat, "", opts...); err != nil {
		return "", err
	}
	_, err := workflow.DoChild(ctx, Boat, "", opts...)
	if !errors.Is(err, protocol.ErrAlreadyStarted) {
		return "", err
	}
	return "the ID of the boat is used up", nil
}

// Boat has nothing to do.
func Boat(workflow.Context, string) (string, error) { return "", nil }

func TestChildOptions(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Fleet))
	e.WorkOn(t, "sea", worker.Workflow(Boat))
	if got := rig.Result(t, rig.Run(t, e, Fleet, struct{}{})); got != "the ID of the boat is used up" {
		t.Errorf("got %q", got)
	}
	d, err := e.Client().Describe(t.Context(), "boat")
	if err != nil {
		t.Fatal(err)
	}
	if where, _ := region.In(d.SearchAttributes); where != "south" || d.Memo["captain"].String() != `"Ada"` || d.Queue != "sea" {
		t.Errorf("the child is %+v", d.Row)
	}
	events := e.History(t, "boat")
	start := rig.Find[protocol.WorkflowExecutionStarted](events)[0]
	if time.Duration(start.RunTimeout) != time.Hour || time.Duration(start.ExecutionTimeout) != 2*time.Hour {
		t.Errorf("the child was started with %+v", start)
	}
	if task := rig.Find[protocol.WorkflowTaskScheduled](events)[0]; time.Duration(task.Timeout) != 7*time.Second {
		t.Errorf("its steps may take %v", task.Timeout)
	}
}

// ledger is an activity that ends when it is told to, and not when it is cancelled.
type ledger struct{ begun, end chan struct{} }

func (v ledger) Count(ctx context.Context, _ struct{}) (string, error) {
	close(v.begun)
	select {
	case <-v.end:
		return "counted", nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// Inspect abandons the count when it is asked to, and waits for nothing.
func (v ledger) Inspect(ctx workflow.Context, _ struct{}) (string, error) {
	counting, stop := workflow.WithCancel(ctx)
	count := workflow.Start(counting, v.Count, struct{}{}, workflow.AbandonOnCancel())
	if _, err := workflow.Receive(ctx, workflow.NewSignal[string]("enough")); err != nil {
		return "", err
	}
	stop()
	if _, err := count.Get(ctx); !errors.Is(err, workflow.ErrCanceled) {
		return "", err
	}
	_, err := workflow.Receive(ctx, workflow.NewSignal[string]("over"))
	return "abandoned", err
}

// An activity that is abandoned goes on undisturbed, and its end is recorded all the same.
func TestAbandonedActivity(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	v := ledger{begun: make(chan struct{}), end: make(chan struct{})}
	e.Work(t, worker.Workflow(v.Inspect), worker.Activity(v.Count))
	run := rig.Run(t, e, v.Inspect, struct{}{})
	<-v.begun
	signal := func(name string) {
		t.Helper()
		if err := e.Client().SignalNamed(t.Context(), run.ID(), name, "", client.InRun(run.RunID())); err != nil {
			t.Fatal(err)
		}
	}
	signal("enough")
	close(v.end)
	e.Await(t, run.ID(), "ActivityTaskCompleted")
	signal("over")
	if got := rig.Result(t, run); got != "abandoned" {
		t.Errorf("got %q", got)
	}
}
