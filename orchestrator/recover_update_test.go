package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var (
	quick = workflow.NewUpdate[int, int]("quick")
	slow  = workflow.NewUpdate[int, int]("slow")
	stop  = workflow.NewUpdate[struct{}, int]("stop")
	hang  = workflow.NewUpdate[struct{}, int]("hang") // keeps its step until the gate opens
)

// Desk sums what its updates carry: quickly, or with an activity in between.
func (c *crew) Desk(ctx workflow.Context, _ struct{}) (string, error) {
	sum, stopped := 0, false
	workflow.HandleUpdate(ctx, quick, func(_ workflow.Context, n int) (int, error) {
		sum += n
		return sum, nil
	}, workflow.Validate(func(_ workflow.Context, n int) error {
		if n < 0 {
			return errFails
		}
		return nil
	}))
	workflow.HandleUpdate(ctx, slow, func(ctx workflow.Context, n int) (int, error) {
		if _, err := workflow.Do(ctx, c.A, struct{}{}); err != nil {
			return 0, err
		}
		sum += n
		return sum, nil
	})
	workflow.HandleUpdate(ctx, hang, func(workflow.Context, struct{}) (int, error) {
		select {
		case <-c.busy:
		default:
			close(c.busy)
		}
		<-c.gate
		return 0, nil
	})
	workflow.HandleUpdate(ctx, stop, func(workflow.Context, struct{}) (int, error) {
		stopped = true
		return sum, nil
	})
	err := workflow.Await(ctx, func() bool { return stopped })
	return "stopped", err
}

// has makes a node die after the first record with an event that fits.
func has[A protocol.EventAttributes](fits func(A) bool) func(*protocol.Record) bool {
	return func(r *protocol.Record) bool {
		return slices.ContainsFunc(r.Events, func(e protocol.Event) bool {
			a, ok := e.Attributes.(A)
			return ok && fits(a)
		})
	}
}

func (r *relay) desk(c *crew) *client.Run[string] {
	r.t.Helper()
	run, err := client.Start(r.t.Context(), r.client, c.Desk, struct{}{}, client.ID("wf"))
	if err != nil {
		r.t.Fatal(err)
	}
	return run
}

func (r *relay) ask(u workflow.Update[int, int], n, want int) {
	r.t.Helper()
	got, err := client.Update(r.t.Context(), r.client, "wf", u, n)
	if err != nil || got != want {
		r.t.Errorf("update %s came to %d, %v, want %d", u.Name(), got, err, want)
	}
}

// closes stops the desk and checks what it had added up.
func (r *relay) closes(run *client.Run[string], want int) {
	r.t.Helper()
	got, err := client.Update(r.t.Context(), r.client, "wf", stop, struct{}{})
	if err != nil || got != want {
		r.t.Errorf("the desk stopped at %d, %v, want %d", got, err, want)
	}
	r.ends(run, "stopped")
}

// The node dies after the record that accepts an update and before anybody hears of it, and its activity is not dispatched.
func TestDeathAfterAnUpdateWasAccepted(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		c := newCrew()
		close(c.release)
		r := newRelay(t, via, has(func(a protocol.WorkflowExecutionUpdateAccepted) bool { return a.Request.Name == "slow" }),
			append(c.options(), worker.Workflow(c.Desk))...)
		run := r.desk(c)
		r.ask(slow, 2, 2)
		r.closes(run, 2)
	})
}

// The node dies after the record that completes an update, and nobody has heard the result: neither of one that completes in the step
// that accepts it, nor of one whose asker waits for the announcement.
func TestDeathAfterAnUpdateCompleted(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		for _, u := range []workflow.Update[int, int]{quick, slow} {
			t.Run(u.Name(), func(t *testing.T) {
				t.Parallel()
				c := newCrew()
				close(c.release)
				r := newRelay(t, via, has(func(protocol.WorkflowExecutionUpdateCompleted) bool { return true }),
					append(c.options(), worker.Workflow(c.Desk))...)
				run := r.desk(c)
				r.ask(u, 3, 3)
				r.closes(run, 3)
			})
		}
	})
}

// The node dies after a record that consumes an update which was rejected: history does not tell of it, and its asker hears why.
func TestDeathAfterAnUpdateWasRejected(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		c := newCrew()
		r := newRelay(t, via, has(func(protocol.WorkflowExecutionSignaled) bool { return true }),
			append(c.options(), worker.Workflow(c.Desk))...)
		run := r.desk(c)
		var asking errgroup.Group
		asking.Go(func() error {
			_, err := client.Update(context.WithoutCancel(t.Context()), r.client, "wf", hang, struct{}{})
			return err
		})
		<-c.busy // from now on nothing is taken until the gate opens
		before := r.stored()
		if err := r.store.Tell(t.Context(), "wf", protocol.SignalInput{Name: one.Name(), RequestID: "one"}, "one", ""); err != nil {
			t.Fatal(err)
		}
		asking.Go(func() error {
			_, err := client.Update(context.WithoutCancel(t.Context()), r.client, "wf", quick, -1)
			if !errors.Is(err, protocol.ErrRejected) {
				return fmt.Errorf("the update gives %w", err)
			}
			return nil
		})
		for r.stored() < before+2 {
			select {
			case <-time.After(5 * time.Millisecond):
			case <-t.Context().Done():
				t.Fatal("the update never came")
			}
		}
		close(c.gate)
		if err := asking.Wait(); err != nil {
			t.Error(err)
		}
		r.closes(run, 0)
	})
}
