// Command mutex lets workflows share a thing that only one may use at a time: a workflow stands for the lock, and the others ask it
// by signal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option {
	return []worker.Option{worker.Workflow(Lock), worker.Workflow(Use), worker.Activity(Ask), worker.Activity(Touch)}
}

var (
	request = workflow.NewSignal[string]("request") // carries who asks
	granted = workflow.NewSignal[struct{}]("granted")
	release = workflow.NewSignal[struct{}]("release")
)

// Lock gives the thing to one workflow after the other, in the order in which they asked. It ends when nobody asks for a while.
func Lock(ctx workflow.Context, _ string) (int, error) {
	for turns := 0; ; turns++ {
		idle, stop := workflow.WithTimeout(ctx, 100*time.Millisecond)
		who, err := workflow.Receive(idle, request)
		stop()
		if err != nil {
			return turns, ctx.Err()
		}
		if err := workflow.SignalExternal(ctx, who, granted, struct{}{}); err != nil {
			continue // it is gone
		}
		if _, err := workflow.Receive(ctx, release); err != nil {
			return turns, err
		}
	}
}

// Use asks for the thing, uses it, and gives it back.
func Use(ctx workflow.Context, thing string) (string, error) {
	if _, err := workflow.Do(ctx, Ask, Request{thing, workflow.GetInfo(ctx).Workflow}); err != nil {
		return "", err
	}
	if _, err := workflow.Receive(ctx, granted); err != nil {
		return "", err
	}
	used, err := workflow.Do(ctx, Touch, thing)
	return used, errors.Join(err, workflow.SignalExternal(workflow.Disconnected(ctx), thing, release, struct{}{}))
}

// Request is who asks for what.
type Request struct{ Thing, Who string }

// engine is the client of the activities.
var engine *client.Client

// Ask starts the lock if it is not there, and asks it.
func Ask(ctx context.Context, r Request) (string, error) {
	run, err := client.SignalWithStart(ctx, engine, Lock, r.Thing, request, r.Who, client.ID(r.Thing),
		client.RequestID(activity.Info(ctx).Key()))
	if err != nil {
		return "", err
	}
	return run.RunID(), nil
}

// users counts who touches the thing right now.
var users atomic.Int32

// Touch uses the thing.
func Touch(_ context.Context, thing string) (string, error) {
	defer users.Add(-1)
	if users.Add(1) > 1 {
		return "", activity.Terminal(errors.New("somebody else is using " + thing))
	}
	return "used " + thing, nil
}

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	engine = c
	var runs []*client.Run[string]
	for range 5 {
		run, err := client.Start(ctx, c, Use, "printer")
		if err != nil {
			return err
		}
		runs = append(runs, run)
	}
	for _, run := range runs {
		result, err := run.Wait(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, result)
	}
	return nil
}
