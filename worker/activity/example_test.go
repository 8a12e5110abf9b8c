package activity_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Copy copies a file page by page. What it reports tells the next attempt where to go on.
func Copy(ctx context.Context, pages int) (string, error) {
	done, resumed, err := activity.HeartbeatDetails[int](ctx)
	if err != nil {
		return "", err
	}
	if resumed {
		fmt.Println("attempt", activity.Info(ctx).Attempt, "goes on after page", done)
	}
	for page := done + 1; page <= pages; page++ {
		if err := activity.Heartbeat(ctx, page); err != nil {
			return "", err // the workflow canceled the activity, or its time is over
		}
		if page == 1 {
			return "", errors.New("paper jam")
		}
	}
	return fmt.Sprintf("%d pages", pages), nil
}

// The next attempt of an activity finds what the last one reported.
func ExampleHeartbeat() {
	play(Copy, func(ctx workflow.Context, pages int) (string, error) {
		return workflow.Do(ctx, Copy, pages, workflow.HeartbeatTimeout(time.Minute), soon)
	}, 3)
	// Output:
	// attempt 2 goes on after page 1
	// 3 pages
}

var errNoMoney = errors.New("the account is empty")

// Charge fails for a reason that no further attempt can mend.
func Charge(ctx context.Context, account string) (string, error) {
	fmt.Println("attempt", activity.Info(ctx).Attempt)
	return "", activity.Terminal(fmt.Errorf("charge %s: %w", account, errNoMoney))
}

// A terminal error ends the activity at once, whatever its retry policy says.
func ExampleTerminal() {
	play(Charge, func(ctx workflow.Context, account string) (string, error) {
		return workflow.Do(ctx, Charge, account)
	}, "4711")
	// Output:
	// attempt 1
	// failed: charge 4711: the account is empty
}

// Ask asks a service that says itself when it wants to be asked again.
func Ask(ctx context.Context, question string) (string, error) {
	if activity.Info(ctx).Attempt == 1 {
		return "", activity.RetryAfter(errors.New("busy"), 20*time.Millisecond)
	}
	return question + " 42", nil
}

// An error can say when to try again. The retry policy would have waited for an hour.
func ExampleRetryAfter() {
	play(Ask, func(ctx workflow.Context, question string) (string, error) {
		return workflow.Do(ctx, Ask, question, workflow.Retry(workflow.RetryPolicy{InitialInterval: workflow.Duration(time.Hour)}))
	}, "how many?")
	// Output: how many? 42
}

// Count reads a file of any size in constant memory.
func Count(ctx context.Context, file protocol.Blob) (string, error) {
	r, err := activity.OpenBlob(ctx, file)
	if err != nil {
		return "", err
	}
	defer r.Close()
	n, err := io.Copy(io.Discard, r) // an error here may say that the file is not what was stored
	return fmt.Sprintf("%d bytes", n), err
}

// Files travel by reference, in the object store.
func ExampleOpenBlob() {
	print := func(ctx context.Context, text string) (string, error) {
		file, err := activity.PutBlob(ctx, "text", strings.NewReader(text))
		if err != nil {
			return "", err
		}
		return Count(ctx, file)
	}
	play(print, func(ctx workflow.Context, text string) (string, error) {
		return workflow.NewActivity[string, string]("print").Do(ctx, text)
	}, strings.Repeat("x", 1<<20))
	// Output: 1048576 bytes
}

// soon makes a retry follow at once.
var soon = workflow.Retry(workflow.RetryPolicy{InitialInterval: workflow.Duration(time.Millisecond)})
