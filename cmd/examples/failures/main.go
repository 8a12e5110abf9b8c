// Command failures tells errors apart in workflow code, however deep they come from: an activity's, a child's, a timeout.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option {
	return []worker.Option{worker.Workflow(Parent), worker.Workflow(Child), worker.Activity(Withdraw)}
}

// Parent explains why its child failed.
func Parent(ctx workflow.Context, kind string) (string, error) {
	_, err := workflow.DoChild(ctx, Child, kind)
	var app *protocol.ApplicationFailure
	var late *protocol.TimeoutFailure
	switch {
	case errors.As(err, &late):
		return "too late: " + string(late.Type), nil
	case errors.As(err, &app) && app.Type == "NoMoney":
		var missing int
		err = app.Details.Decode(&missing)
		return fmt.Sprintf("%d are missing", missing), err
	}
	return "unexpected", err
}

// Child fails as its activity does.
func Child(ctx workflow.Context, kind string) (string, error) {
	return workflow.Do(ctx, Withdraw, kind, workflow.StartToClose(50*time.Millisecond), workflow.Attempts(1))
}

// Withdraw fails in one way or another.
func Withdraw(ctx context.Context, kind string) (string, error) {
	if kind == "slow" {
		<-ctx.Done()
		return "", ctx.Err()
	}
	return "", activity.NewError("NoMoney", "the account is empty", 7)
}

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	for _, kind := range []string{"poor", "slow"} {
		run, err := client.Start(ctx, c, Parent, kind)
		if err != nil {
			return err
		}
		why, err := run.Wait(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, why)
	}
	return nil
}
