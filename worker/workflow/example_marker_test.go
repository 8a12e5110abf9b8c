package workflow_test

import (
	"os"

	"github.com/millrace-dev/millrace/worker/workflow"
)

// The host's name is asked for once, whatever host the code runs on later.
func ExampleSideEffect() {
	play(func(ctx workflow.Context, _ string) (bool, error) {
		host, err := workflow.SideEffect(ctx, os.Hostname)
		return host != "", err
	}, "", nil)
	// Output: result: true
}

// A run that begins now takes the new way.
func ExampleVersion() {
	play(func(ctx workflow.Context, customer string) (string, error) {
		if workflow.Version(ctx, "greet-first", workflow.DefaultVersion, 1) >= 1 {
			if _, err := workflow.Do(ctx, Hello, customer); err != nil {
				return "", err
			}
		}
		return workflow.Do(ctx, Charge, customer)
	}, "Ada", nil)
	// Output:
	// activity workflow_test.Hello(Ada)
	// activity workflow_test.Charge(Ada)
	// result: "receipt for Ada"
}
