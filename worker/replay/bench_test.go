package replay_test

import (
	"testing"

	"github.com/millrace-dev/millrace/worker/replay"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// BenchmarkReplay replays the history of a workflow that calls 1,000 activities one after the other.
func BenchmarkReplay(b *testing.B) {
	act := workflow.NewActivity[int, int]("A")
	w := replaytest.New(workflow.Program(func(ctx workflow.Context, n int) (int, error) {
		for i := range n {
			if _, err := act.Do(ctx, i); err != nil {
				return 0, err
			}
		}
		return n, nil
	}, nil))
	defer w.Close()
	w.Start(1000)
	for w.Step(); !w.Closed(); w.Step() {
		w.Complete(w.Activities()[0].ID, 1)
	}
	replayAll(b, w)
}

// BenchmarkReplayWide replays a workflow that waits in 1,000 coroutines at once, woken one step at a time.
func BenchmarkReplayWide(b *testing.B) {
	act := workflow.NewActivity[int, int]("A")
	w := replaytest.New(workflow.Program(func(ctx workflow.Context, n int) (int, error) {
		group := workflow.NewGroup(ctx)
		for i := range n {
			group.Go(func(ctx workflow.Context) error {
				_, err := act.Do(ctx, i)
				return err
			})
		}
		return n, group.Wait()
	}, nil))
	defer w.Close()
	w.Start(1000)
	for w.Step(); !w.Closed(); w.Step() {
		w.Complete(w.Activities()[0].ID, 1)
	}
	replayAll(b, w)
}

func replayAll(b *testing.B, w *replaytest.World) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		run := replay.New(w.Program)
		if a := run.Step(w.History); a.Failure != nil {
			b.Fatal(a.Failure)
		}
		run.Close()
	}
	b.ReportMetric(float64(len(w.History)*b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkStep takes one step of a run in memory: an activity has ended, the next one is asked for.
func BenchmarkStep(b *testing.B) {
	act := workflow.NewActivity[int, int]("A")
	w := replaytest.New(workflow.Program(func(ctx workflow.Context, _ any) (any, error) {
		for {
			if _, err := act.Do(ctx, 1); err != nil {
				return nil, err
			}
		}
	}, nil))
	defer w.Close()
	w.Start(nil)
	w.Step()
	b.ReportAllocs()
	for b.Loop() {
		w.Complete(w.Activities()[0].ID, 1)
		w.Step()
	}
}
