package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// coldFor is how long a history is replayed again and again in a round.
const coldFor = 200 * time.Millisecond

// cold measures how fast a worker that knows nothing of a run catches up with its history.
func cold(ctx context.Context, s *session) error {
	for _, x := range []struct {
		name  string
		wf    func(workflow.Context, int) (int, error)
		width int
	}{
		{"cold replay of a chain", Chain, 200},
		{"cold replay of a fan", Fan, 1000},
	} {
		if !s.wants(x.name) {
			continue
		}
		s.Progress(x.name, 0, 1)
		run, err := client.Start(ctx, s.client, x.wf, x.width, client.Queue(queue))
		if err != nil {
			return err
		}
		if _, err := run.Wait(ctx); err != nil {
			return err
		}
		history, err := s.client.Export(ctx, run.ID())
		if err != nil {
			return err
		}
		rate, err := replayRate(workflow.Program(x.wf, nil), history.Events)
		if err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
		s.limit(Limit{Name: x.name, N: len(history.Events), Value: rate, Unit: "events/s", Required: 1_000_000, AtLeast: true})
	}
	return nil
}

// replayRate is how many events per second the code catches up with, in the best of several rounds.
func replayRate(program replay.Program, events []protocol.Event) (best float64, err error) {
	for range rounds {
		start, n := time.Now(), 0
		for time.Since(start) < coldFor {
			run := replay.New(program)
			a := run.Step(events)
			run.Close()
			if a.Failure != nil {
				return 0, a.Failure
			}
			n += len(events)
		}
		best = max(best, float64(n)/time.Since(start).Seconds())
	}
	return best, nil
}
