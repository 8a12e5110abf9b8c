// Command fileprocessing downloads a file, works on it and stores the result: three activities of one session, because the file lies on
// the disk of the worker that downloaded it.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func main() { stage.Main(play, options()...) }

func options() []worker.Option {
	return []worker.Option{
		worker.Workflow(Process), worker.Activity(Download), worker.Activity(Shout), worker.Activity(Store), worker.Activity(Remove),
		worker.Sessions(2),
	}
}

// Process processes a file, and begins anew on another worker when the one that had the file is gone.
func Process(ctx workflow.Context, text string) (string, error) {
	for {
		result, err := onOneWorker(ctx, text)
		if !errors.Is(err, workflow.ErrSessionFailed) {
			return result, err
		}
		workflow.Logger(ctx).Warn("the worker is gone, and the file with it", "error", err)
	}
}

func onOneWorker(ctx workflow.Context, text string) (string, error) {
	session, err := workflow.CreateSession(ctx)
	if err != nil {
		return "", err
	}
	defer workflow.CompleteSession(session)
	file, err := workflow.Do(session, Download, text)
	if err != nil {
		return "", err
	}
	defer func() {
		// Disconnected: a canceled workflow cleans up, too. If the worker is gone there is nothing to remove.
		_, _ = workflow.Do(workflow.Disconnected(session), Remove, file)
	}()
	if file, err = workflow.Do(session, Shout, file); err != nil {
		return "", err
	}
	return workflow.Do(session, Store, file)
}

// Download stands for a download: it writes the text to a file.
func Download(_ context.Context, text string) (string, error) {
	f, err := os.CreateTemp("", "example-")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	return f.Name(), errors.Join(err, f.Close())
}

// Shout works on the file.
func Shout(_ context.Context, file string) (string, error) {
	data, err := os.ReadFile(file) //nolint:gosec // the file of this session
	if err != nil {
		return "", err
	}
	return file, os.WriteFile(file, bytes.ToUpper(data), 0o600) //nolint:gosec // the file of this session
}

// Store stands for an upload: it says what it would store.
func Store(_ context.Context, file string) (string, error) {
	data, err := os.ReadFile(file) //nolint:gosec // the file of this session
	return fmt.Sprintf("stored %q", data), err
}

// Remove removes the file.
func Remove(_ context.Context, file string) (struct{}, error) { return struct{}{}, os.Remove(file) }

func play(ctx context.Context, c *client.Client, out io.Writer) error {
	for _, text := range []string{"hello", "world"} {
		run, err := client.Start(ctx, c, Process, text)
		if err != nil {
			return err
		}
		result, err := run.Wait(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, result)
	}
	return nil
}
