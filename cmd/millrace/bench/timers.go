package bench

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// timers are naps that end one after the other, at the same rate whatever their number. One half is started before the node that wakes
// them up, the other half by it.
type timers struct {
	*house

	n     int // of each half
	begin time.Time
}

// newTimers plans timers. The first is due when all of them are started, with time to spare for restarts.
func (h *house) newTimers(n int) *timers {
	return &timers{house: h, n: n / 2, begin: time.Now().Add(5*time.Second + time.Duration(n)*4*time.Millisecond)}
}

func (t *timers) until(half, i int) time.Time {
	return t.begin.Add(time.Duration(float64(2*i+half) / dueRate * float64(time.Second)))
}

func (t *timers) id(half int) string { return "timer-" + strconv.Itoa(half) + "-" }

// start starts a half of them.
func (t *timers) start(ctx context.Context, half int) error {
	err := t.sleep(ctx, t.id(half), t.n, func(i int) time.Time { return t.until(half, i) })
	if late := time.Since(t.begin); err == nil && late > 0 {
		return fmt.Errorf("the timers were started %s too late: choose fewer sleepers", late)
	}
	return err
}

// measure waits for the timers and asks each run how late it was woken.
func (t *timers) measure(ctx context.Context, s *session) error {
	s.Progress("timers", 0, 1)
	bare, err := bareTimers(ctx, t.until(0, t.n).Add(time.Second))
	if err != nil {
		return err
	}
	s.limit(Limit{Name: "lateness of a timer of Go meanwhile, p99", N: bare.N, Value: ms(bare.P99), Unit: "ms"})
	for half, name := range []string{"started before the node", "started by the node"} {
		series, err := t.lateness(ctx, half)
		if err != nil {
			return fmt.Errorf("timers: %w", err)
		}
		stats := statsOf(series)
		s.limit(Limit{Name: "lateness of timers " + name + ", p50", N: t.n, Value: ms(stats.P50), Unit: "ms"})
		s.limit(Limit{Name: "lateness of timers " + name + ", p99", N: t.n, Value: ms(stats.P99), Unit: "ms", Required: 100})
		s.limit(Limit{Name: "lateness of timers " + name + ", most", N: t.n, Value: ms(stats.series[t.n-1]), Unit: "ms"})
	}
	return nil
}

// bareTimers measures, until some moment, how late the machine itself is.
func bareTimers(ctx context.Context, end time.Time) (Stats, error) {
	const every = 50 * time.Millisecond
	var series []time.Duration
	for time.Now().Before(end) {
		due := time.Now().Add(every)
		if err := pause(ctx, every); err != nil {
			return Stats{}, err
		}
		series = append(series, time.Since(due))
	}
	return statsOf(series), nil
}

// lateness is how much later each of a half went on than its timer says. The timer is counted from the moment at which the step with it
// is recorded, so it is due a little later than the run wished for.
func (t *timers) lateness(ctx context.Context, half int) ([]time.Duration, error) {
	series := make([]time.Duration, t.n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(50)
	for i := range series {
		group.Go(func() error {
			id := t.id(half) + strconv.Itoa(i)
			woke, err := client.Get[time.Time](t.client, id, "").Wait(ctx)
			if err != nil {
				return err
			}
			for e, err := range t.client.History(ctx, id) {
				if err != nil {
					return err
				}
				if timer, ok := e.Attributes.(protocol.TimerStarted); ok {
					series[i] = woke.Sub(timer.FireAt)
				}
			}
			return nil
		})
	}
	return series, group.Wait()
}
