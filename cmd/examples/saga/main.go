// Command saga books a trip. When a booking fails, the ones before it are taken back, the last one first.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option {
	return []worker.Option{worker.Workflow(Trip), worker.Activity(Book), worker.Activity(TakeBack)}
}

// Trip books everything or nothing.
func Trip(ctx workflow.Context, bookings []string) (booked []string, err error) {
	defer func() {
		if err == nil {
			return
		}
		// After a cancellation, too: what was booked must be taken back whatever happened.
		undo := workflow.Disconnected(ctx)
		for _, b := range slices.Backward(booked) {
			if _, failed := workflow.Do(undo, TakeBack, b); failed != nil {
				err = errors.Join(err, failed)
			}
		}
	}()
	for _, b := range bookings {
		if _, err := workflow.Do(ctx, Book, b); err != nil {
			return booked, err
		}
		booked = append(booked, b)
	}
	return booked, nil
}

// Book books one thing.
func Book(_ context.Context, what string) (string, error) {
	if what == "car" {
		return "", activity.Terminal(activity.NewError("SoldOut", "no car is left", nil))
	}
	return what, nil
}

// TakeBack takes a booking back.
func TakeBack(_ context.Context, what string) (string, error) { return what, nil }

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	run, err := client.Start(ctx, c, Trip, []string{"flight", "hotel", "car"})
	if err != nil {
		return err
	}
	_, err = run.Wait(ctx)
	fmt.Fprintln(out, err)
	for e, err := range c.History(ctx, run.ID()) {
		if err != nil {
			return err
		}
		if a, ok := e.Attributes.(protocol.ActivityTaskScheduled); ok {
			fmt.Fprintln(out, a.ActivityType[strings.LastIndexByte(a.ActivityType, '.')+1:], a.Input)
		}
	}
	return nil
}
