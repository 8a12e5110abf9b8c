package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var shift = workflow.NewKey[string]("shift")

// Bench is what the coroutines of [Workshop] share.
type Bench struct {
	lock    workflow.Mutex
	tools   *workflow.Semaphore
	working workflow.WaitGroup
	made    *workflow.Channel[string]
	busy    int // who works, and the most that ever did
	most    int
}

// Workshop makes parts with every tool for coroutines that there is.
func Workshop(ctx workflow.Context, stock map[string]int) (string, error) {
	b := &Bench{tools: workflow.NewSemaphore(2), made: workflow.NewChannel[string](ctx, 1)}
	ctx = workflow.WithValue(ctx, shift, "night")
	opened, open := workflow.NewFuture[string](ctx)
	for part, n := range workflow.Sorted(stock) {
		b.working.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer b.working.Done()
			if err := b.make(ctx, opened, fmt.Sprint(part, n)); err != nil {
				workflow.Logger(ctx).Error("not made", "error", err)
			}
		})
	}
	idle := false
	err := workflow.Select(ctx, workflow.OnChannel(b.made, func(string, bool) {}), workflow.Default(func() { idle = true }))
	if err != nil || !idle {
		return "", fmt.Errorf("something was made before the workshop opened, %w", err)
	}
	open("open", nil)
	workflow.Go(ctx, func(ctx workflow.Context) {
		if b.working.Wait(ctx) == nil {
			b.made.Close()
		}
	})
	var parts []string
	for more := true; more; {
		err := workflow.Select(ctx, workflow.OnChannel(b.made, func(part string, ok bool) {
			if more = ok; ok {
				parts = append(parts, part)
			}
		}))
		if err != nil {
			return "", err
		}
	}
	if met, err := workflow.AwaitTimeout(ctx, time.Millisecond, func() bool { return b.busy > 0 }); met || err != nil {
		return "", fmt.Errorf("somebody works after the end, %w", err)
	}
	slices.Sort(parts)
	return fmt.Sprint(strings.Join(parts, " "), ", at most ", b.most, " at once"), nil
}

// make makes a part: two at once have a tool, one at a time goes to the oven.
func (b *Bench) make(ctx workflow.Context, opened workflow.Future[string], part string) error {
	if _, err := opened.Get(ctx); err != nil {
		return err
	}
	if err := b.tools.Acquire(ctx, 1); err != nil {
		return err
	}
	defer b.tools.Release(1)
	b.busy++
	b.most = max(b.most, b.busy)
	defer func() { b.busy-- }()
	if err := b.lock.Lock(ctx); err != nil {
		return err
	}
	defer b.lock.Unlock()
	baked, err := workflow.Do(ctx, Bake, part)
	if err != nil {
		return err
	}
	when, _ := shift.Value(ctx)
	return b.made.Send(ctx, baked+"@"+when)
}

// Bake is what takes time.
func Bake(_ context.Context, part string) (string, error) { return part + "!", nil }

// The tools for coroutines work on a real server, whether the worker keeps runs in memory or replays them with every step.
func TestCoroutineTools(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	const want = "axle3! bolt9! cog5! disk1!"
	for _, cache := range []int{100, 0} {
		queue := fmt.Sprint("cache-", cache)
		e.WorkOn(t, queue, worker.Workflow(Workshop), worker.Activity(Bake), worker.CacheSize(cache))
		stock := map[string]int{"cog": 5, "axle": 3, "disk": 1, "bolt": 9}
		run := rig.Run(t, e, Workshop, stock, client.Queue(queue))
		if got := rig.Result(t, run); got != strings.ReplaceAll(want, "!", "!@night")+", at most 2 at once" {
			t.Errorf("with a cache of %d: %s", cache, got)
		}
	}
}
