package activity_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
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
	play(func(ctx workflow.Context, pages int) (string, error) {
		return workflow.Do(ctx, Copy, pages, workflow.HeartbeatTimeout(time.Minute), soon)
	}, 3, worker.Activity(Copy))
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
	play(func(ctx workflow.Context, account string) (string, error) {
		return workflow.Do(ctx, Charge, account)
	}, "4711", worker.Activity(Charge))
	// Output:
	// attempt 1
	// failed: activity activity_test.Charge failed: charge 4711: the account is empty
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
	play(func(ctx workflow.Context, question string) (string, error) {
		return workflow.Do(ctx, Ask, question, workflow.Retry(workflow.RetryPolicy{InitialInterval: workflow.Duration(time.Hour)}))
	}, "how many?", worker.Activity(Ask))
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

// Print writes a file.
func Print(ctx context.Context, text string) (protocol.Blob, error) {
	return activity.PutBlob(ctx, strings.NewReader(text))
}

// Files travel between activities by reference, in the object store.
func ExampleOpenBlob() {
	play(func(ctx workflow.Context, text string) (string, error) {
		file, err := workflow.Do(ctx, Print, text)
		if err != nil {
			return "", err
		}
		return workflow.Do(ctx, Count, file)
	}, strings.Repeat("x", 1<<16), worker.Activity(Print), worker.Activity(Count))
	// Output: 65536 bytes
}

// soon makes a retry follow at once.
var soon = workflow.Retry(workflow.RetryPolicy{InitialInterval: workflow.Duration(time.Millisecond)})

// play runs a workflow on an engine of its own and prints how it ends.
func play[I any](wf func(workflow.Context, I) (string, error), in I, activities ...worker.Option) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := try(ctx, wf, in, activities); err != nil {
		fmt.Println("failed:", err)
	}
}

func try[I any](ctx context.Context, wf func(workflow.Context, I) (string, error), in I, activities []worker.Option) (err error) {
	dir, err := os.MkdirTemp("", "millrace")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	srv, err := orchestrator.Start(ctx, orchestrator.Options{Dir: dir, Shards: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Stop(context.WithoutCancel(ctx))) }()
	working, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	w := worker.New(srv.Conn(), "examples", append(activities,
		worker.Workflow(wf, worker.Named("example")), worker.Logger(slog.New(slog.DiscardHandler)))...)
	go func() { ended <- w.Run(working) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	run, err := client.StartNamed[string](ctx, srv.Client(), "example", in, client.Queue("examples"))
	if err != nil {
		return err
	}
	out, err := run.Wait(ctx)
	if err == nil {
		fmt.Println(out)
	}
	return err
}

// Poll looks whether a report is there. That it is not is nothing to worry about.
func Poll(ctx context.Context, report string) (string, error) {
	if activity.Info(ctx).Attempt < 3 {
		activity.Logger(ctx).Debug("not there yet") // with the workflow's and the activity's IDs
		return "", activity.Benign(errors.New("not there yet"))
	}
	return report + " is there", nil
}

// What belongs to the normal course of things is tried again without a warning in the log.
func ExampleBenign() {
	play(func(ctx workflow.Context, report string) (string, error) {
		return workflow.Do(ctx, Poll, report, workflow.Retry(workflow.RetryPolicy{InitialInterval: workflow.Duration(time.Millisecond)}))
	}, "the report", worker.Activity(Poll))
	// Output: the report is there
}

// Squeeze compresses a file of any size, as it comes.
func Squeeze(ctx context.Context, file protocol.Blob) (protocol.Blob, error) {
	r, err := activity.OpenBlob(ctx, file)
	if err != nil {
		return protocol.Blob{}, err
	}
	defer r.Close()
	w, err := activity.CreateBlob(ctx)
	if err != nil {
		return protocol.Blob{}, err
	}
	defer w.Close() // leaves nothing, unless it was committed
	zip := gzip.NewWriter(w)
	if _, err := io.Copy(zip, r); err != nil {
		return protocol.Blob{}, err
	}
	if err := zip.Close(); err != nil {
		return protocol.Blob{}, err
	}
	return w.Commit()
}

// Code that wants an io.Writer gets one.
func ExampleCreateBlob() {
	play(func(ctx workflow.Context, text string) (string, error) {
		file, err := workflow.Do(ctx, Print, text)
		if err != nil {
			return "", err
		}
		small, err := workflow.Do(ctx, Squeeze, file)
		return fmt.Sprintf("%d bytes, smaller: %t", file.Size, small.Size < file.Size), err
	}, strings.Repeat("x", 1<<16), worker.Activity(Print), worker.Activity(Squeeze))
	// Output: 65536 bytes, smaller: true
}

// Tail reads the end of a file, and nothing of what is before it.
func Tail(ctx context.Context, file protocol.Blob) (string, error) {
	r, err := activity.OpenRange(ctx, file, max(file.Size-5, 0), -1)
	if err != nil {
		return "", err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	return string(text), err
}

// A part of a file is read without the rest.
func ExampleOpenRange() {
	play(func(ctx workflow.Context, text string) (string, error) {
		file, err := workflow.Do(ctx, Print, text)
		if err != nil {
			return "", err
		}
		return workflow.Do(ctx, Tail, file)
	}, strings.Repeat("x", 1<<20)+"the end", worker.Activity(Print), worker.Activity(Tail))
	// Output: e end
}
