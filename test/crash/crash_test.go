package crash

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker/workflow"
)

const (
	workflows = 200
	links     = 5
	// lives is how many times longer than its start a process lives at most: the machine may be slow, or watched for races.
	// fewest is how many must have been killed while the workflows ran, most how many are: each takes the tasks in its hands out
	// of the world for five seconds, and on a slow machine the workflows would hardly come to their end.
	lives  = 5
	fewest = 10
	most   = 30
)

var seed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the moments at which processes are killed")

// Chain calls five activities, one after the other, each with what the one before returned.
func Chain(ctx workflow.Context, in int) (int, error) {
	for range links {
		out, err := workflow.Do(ctx, Link, in)
		if err != nil {
			return 0, err
		}
		in = out
	}
	return in, nil
}

// Link takes a moment, so that some are always under way.
func Link(ctx context.Context, in int) (int, error) {
	select {
	case <-time.After(rand.N(200 * time.Millisecond)):
		return in + 1, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// The whole engine in one process, NATS and all, and two workers: any of them is killed at any moment.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	listen := freePort(t)
	node := run(t, "embedded", envDir+"="+t.TempDir(), envListen+"="+listen)
	node.await(t)
	url := envServer + "=nats://" + listen
	torture(t, "nats://"+listen, node, run(t, "worker", url), run(t, "worker", url))
}

// Two nodes and two workers on a NATS that lives.
func TestAttached(t *testing.T) {
	t.Parallel()
	srv, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", Sync: "1m"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	url := envServer + "=" + srv.URL()
	first, second := run(t, "node", url), run(t, "node", url)
	first.await(t)
	torture(t, srv.URL(), first, second, run(t, "worker", url), run(t, "worker", url))
}

// torture runs the workflows while it kills the victims, and then reads every history.
func torture(t *testing.T, url string, victims ...*process) {
	t.Helper()
	t.Logf("repeat with -seed %d", *seed)
	nc, err := connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c, err := client.New(nc, client.DefaultQueue(rig.Queue))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	victims[len(victims)-1].restart(t)
	victims[len(victims)-1].await(t)
	pause := max(time.Second, lives*time.Since(began)/time.Duration(len(victims)))
	over, end := context.WithCancel(t.Context())
	killed := make(chan int, 1)
	go func() { killed <- killAtRandom(over, t, pause, victims) }()
	var all errgroup.Group
	all.SetLimit(workflows / 2)
	for i := range workflows {
		all.Go(func() error { return chain(t.Context(), c, i) })
	}
	err = all.Wait()
	end()
	if n := <-killed; n < fewest {
		t.Errorf("only %d processes were killed", n)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range workflows {
		if err := check(t.Context(), c, id(i)); err != nil {
			t.Errorf("%s: %v", id(i), err)
		}
	}
}

// killAtRandom kills until it is over, with at most pause in between, and returns how many processes that were.
func killAtRandom(over context.Context, t *testing.T, pause time.Duration, victims []*process) (n int) {
	t.Helper()
	r := rand.New(rand.NewPCG(*seed, uint64(len(victims))))
	for n < most {
		select {
		case <-time.After(time.Duration(r.Int64N(int64(pause)))):
		case <-over.Done():
			return n
		}
		victims[r.IntN(len(victims))].restart(t)
		n++
	}
	return n
}

func id(i int) string { return fmt.Sprintf("chain-%d", i) }

// chain runs one workflow. A start whose answer is lost is sent again: it is the same request.
func chain(ctx context.Context, c *client.Client, i int) error {
	for {
		run, err := client.Start(ctx, c, Chain, i, client.ID(id(i)), client.RequestID(id(i)))
		switch {
		case err == nil:
			got, err := run.Wait(ctx)
			if err == nil && got != i+links {
				err = fmt.Errorf("%s: got %d, want %d", id(i), got, i+links)
			}
			return err
		case ctx.Err() != nil, !repeatable(err):
			return fmt.Errorf("start %s: %w", id(i), err)
		}
	}
}

// repeatable reports whether an error says that asking again is safe and sensible.
func repeatable(err error) bool {
	return errors.Is(err, protocol.ErrTimeout) || errors.Is(err, protocol.ErrUnavailable) || errors.Is(err, protocol.ErrNoOrchestrator)
}

// check reads a history: dense and in order, every activity asked for once and answered once, and the right answers.
func check(ctx context.Context, c *client.Client, id string) error {
	var events []protocol.Event
	results := map[int64]int{}
	for e, err := range c.History(ctx, id) {
		if err != nil {
			return err
		}
		if events = append(events, e); e.ID != int64(len(events)) {
			return fmt.Errorf("event %d comes after %d others", e.ID, len(events)-1)
		}
		if done, ok := e.Attributes.(protocol.ActivityTaskCompleted); ok {
			results[done.ScheduledID]++
		}
	}
	if n := len(rig.Find[protocol.ActivityTaskScheduled](events)); n != links || len(results) != links {
		return fmt.Errorf("%d activities were scheduled and %d completed, want %d", n, len(results), links)
	}
	for scheduled, n := range results {
		if n != 1 {
			return fmt.Errorf("the result of event %d was recorded %d times", scheduled, n)
		}
	}
	if n := len(rig.Find[protocol.WorkflowExecutionCompleted](events)); n != 1 {
		return fmt.Errorf("the run completed %d times", n)
	}
	return nil
}

// freePort finds a port for a server that must come back on it.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
