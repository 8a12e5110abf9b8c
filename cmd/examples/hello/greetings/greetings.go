// Package greetings is the smallest workflow that waits and does something.
package greetings

import (
	"context"
	"time"

	"github.com/millrace-dev/millrace/worker/workflow"
)

// Queue is the task queue of the greetings.
const Queue = "greetings"

// Greet waits a moment and greets. The process that runs it may die while it waits.
func Greet(ctx workflow.Context, name string) (string, error) {
	if err := workflow.Sleep(ctx, time.Second); err != nil {
		return "", err
	}
	return workflow.Do(ctx, Hello, name)
}

// Hello makes the greeting.
func Hello(_ context.Context, name string) (string, error) { return "Hello " + name, nil }
