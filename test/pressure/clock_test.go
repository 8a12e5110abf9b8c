package pressure

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/warp"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

const (
	nap = 2 * time.Second
	// punctual is how late a timer may be on a machine that has other things to do.
	punctual = 8 * time.Second
)

// serve runs a node in a process of its own, whose clock obeys a dial, until it is killed.
func serve(t *testing.T, program, url string, clock warp.Dial) (kill func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "--server", url, "--json", "serve", "--shards", "2")
	cmd.Env = append(os.Environ(), clock.Env())
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the node said %q, %v", line, err)
	}
	return kill
}

// Nap sleeps, and fails once on the way, so that an attempt waits for its time as well.
func Nap(ctx workflow.Context, d time.Duration) (string, error) {
	if err := workflow.Sleep(ctx, d); err != nil {
		return "", err
	}
	return workflow.Do(ctx, Second, "up", workflow.StartToClose(time.Minute))
}

var attempts sync.Map

// Second succeeds at its second attempt.
func Second(ctx context.Context, in string) (string, error) {
	if _, again := attempts.LoadOrStore(activity.Info(ctx).Run, true); !again {
		return "", errors.New("the first attempt")
	}
	return in, nil
}

// The clock of a node is set by an hour while runs sleep, or it is wrong from the beginning; then the node dies, and one with the right clock
// takes over. No timer is early, and none is late.
func TestWrongClockOfANode(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the standard library with another clock")
	}
	t.Parallel()
	program, err := warp.Build(t.Context(), t.TempDir(), warp.Command)
	if err != nil {
		t.Fatal(err)
	}
	for name, set := range map[string]struct {
		by time.Duration
		at int // how many runs are there then
	}{
		"an hour ahead": {time.Hour, 20}, "an hour behind": {-time.Hour, 20},
		"ahead from the beginning": {time.Hour, 0}, "behind from the beginning": {-time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", Sync: "1m"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(srv.Close)
			clock, err := warp.NewDial(filepath.Join(t.TempDir(), "dial"))
			if err != nil {
				t.Fatal(err)
			}
			turn := func() {
				if err := clock.Clock(set.by); err != nil {
					t.Fatal(err)
				}
			}
			if set.at == 0 {
				turn()
			}
			kill := serve(t, program, srv.URL(), clock)
			nc, err := nats.Connect(srv.URL())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(nc.Close)
			workBeside(t, nc)
			c, err := client.New(nc, client.DefaultQueue(rig.Queue))
			if err != nil {
				t.Fatal(err)
			}
			var naps sync.WaitGroup
			for i := range 60 {
				if i == set.at {
					turn()
				}
				if i == 50 { // those that sleep now are woken by another node
					kill()
					node, err := orchestrator.Attach(t.Context(), nc, orchestrator.Options{Logger: rig.Logger(t)})
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = node.Stop(context.Background()) })
				}
				naps.Go(func() { sleepWell(t, c, i) })
				<-time.After(100 * time.Millisecond)
			}
			naps.Wait()
		})
	}
}

// sleepWell has a run sleep, and measures by a clock that is right.
func sleepWell(t *testing.T, c *client.Client, i int) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	run, err := client.Start(ctx, c, Nap, nap)
	if err != nil {
		t.Errorf("nap %d: %v", i, err)
		return
	}
	if _, err := run.Wait(ctx); err != nil {
		t.Errorf("nap %d: %v", i, err)
		return
	}
	least := nap + time.Second // the second attempt waits for a second
	if took := time.Since(began); took < least || took > least+punctual {
		t.Errorf("nap %d took %v, want %v and little more", i, took, least)
	}
}

func workBeside(t *testing.T, nc *nats.Conn) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	w := worker.New(nc, rig.Queue, worker.Workflow(Nap), worker.Activity(Second), worker.Logger(rig.Logger(t)), worker.Grace(time.Second),
		worker.OnReady(func() { close(ready) }))
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-ready
}
