package virtual

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Read reads a file.
func Read(ctx context.Context, file protocol.Blob) (string, error) {
	r, err := activity.OpenBlob(ctx, file)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), err
}

// Stay is a file and how long it is needed.
type Stay struct {
	File protocol.Blob
	For  time.Duration
}

// Borrow reads a file, needs it again much later, and returns it.
func Borrow(ctx workflow.Context, s Stay) (protocol.Blob, error) {
	for _, wait := range []time.Duration{s.For, 0} {
		if _, err := workflow.Do(ctx, Read, s.File, workflow.Attempts(1)); err != nil {
			return s.File, err
		}
		if err := workflow.Sleep(ctx, wait); err != nil {
			return s.File, err
		}
	}
	return s.File, nil
}

func stored(t *testing.T, e *rig.Engine) (names []string) {
	t.Helper()
	store, err := jetstream.Open(t.Context(), e.Conn(), protocol.DefaultNamespace)
	if err != nil {
		t.Fatal(err)
	}
	for b, err := range store.Blobs(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, b.Name)
	}
	return names
}

// For a week clients store files, the same ones again and again, start runs with them, and pass on what older runs return, while the node
// removes runs and collects files. Every run reads its file at the beginning and at the end; in the end nothing is left.
func TestFilesOfAWeek(t *testing.T) {
	if testing.Short() {
		t.Skip("weeks of pulses, one a second")
	}
	virtual(t, func(t *testing.T) {
		e := rig.Start(t, func(o *orchestrator.Options) { o.Retention = 6 * time.Hour })
		e.Work(t, worker.Workflow(Borrow), worker.Activity(Read))
		runs := make(chan func(), 1000)
		most := 0
		for i := range 16 {
			text := fmt.Sprintf("file %d %s", i%7, strings.Repeat("x", 1000))
			file, err := e.Client().PutBlob(t.Context(), strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				<-time.After(time.Hour) // the client takes its time
			}
			run := rig.Run(t, e, Borrow, Stay{file, time.Duration(i%5) * 20 * time.Hour})
			runs <- func() { rig.Result(t, run) }
			if i%3 == 0 { // somebody takes the file from the result of a run that has long been removed when the next one needs it
				short := rig.Run(t, e, Borrow, Stay{file, 0})
				again := rig.Result(t, short)
				<-time.After(20 * time.Hour)
				next := rig.Run(t, e, Borrow, Stay{again, time.Hour})
				runs <- func() { rig.Result(t, next) }
			}
			<-time.After(4 * time.Hour)
			most = max(most, len(stored(t, e)))
		}
		close(runs)
		for wait := range runs {
			wait() // it has listened from the beginning; many of them are removed by now
		}
		if most < 2 {
			t.Errorf("there were %d files at most", most)
		}
		<-time.After(80*time.Hour + 6*time.Hour + 24*time.Hour + 2*time.Hour)
		if left := stored(t, e); len(left) != 0 {
			t.Errorf("%d files are left", len(left))
		}
		if left := rows(t, e); len(left) != 0 {
			t.Errorf("the rows %v are left", left)
		}
	})
}

// Compile stores a file at once, and takes more than a day until it returns it.
func Compile(ctx context.Context, text string) (protocol.Blob, error) {
	file, err := activity.PutBlob(ctx, strings.NewReader(text))
	<-time.After(26 * time.Hour)
	return file, err
}

// Publish reads what was compiled.
func Publish(ctx workflow.Context, text string) (string, error) {
	file, err := workflow.Do(ctx, Compile, text, workflow.Attempts(1), workflow.StartToClose(48*time.Hour))
	if err != nil {
		return "", err
	}
	return workflow.Do(ctx, Read, file, workflow.Attempts(1))
}

// Nothing refers to a file before the attempt that stored it has returned it. It is not collected for that.
func TestFileOfALongAttempt(t *testing.T) {
	if testing.Short() {
		t.Skip("days of pulses, one a second")
	}
	virtual(t, func(t *testing.T) {
		e := rig.Start(t)
		e.Work(t, worker.Workflow(Publish), worker.Activity(Compile), worker.Activity(Read))
		if got := rig.Result(t, rig.Run(t, e, Publish, "text")); got != "text" {
			t.Errorf("got %q", got)
		}
	})
}
