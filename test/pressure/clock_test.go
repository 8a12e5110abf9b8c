package pressure

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

const (
	// envClock tells a process by how many seconds its clock is set, and how many seconds after its start.
	envClock = "MILLRACE_TEST_CLOCK"
	nap      = 2 * time.Second
	// punctual is how late a timer may be on a machine that has other things to do.
	punctual = 8 * time.Second
)

// shift is a file of package time.
const shift = `package time

import "syscall"

var shiftBy, shiftAfter int64

func init() {
	v, _ := syscall.Getenv("` + envClock + `")
	for i := range len(v) {
		if v[i] == ',' {
			by, _ := atoi(v[:i])
			after, _ := atoi(v[i+1:])
			shiftBy, shiftAfter = int64(by), int64(after)*int64(Second)
		}
	}
}
`

// theProgram builds the command with a clock that can be wrong.
var theProgram = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "millrace-clock-")
	if err != nil {
		return "", err
	}
	lib := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	source, err := os.ReadFile(filepath.Join(lib, "time.go"))
	const at = "\tmono -= startNano\n"
	if err != nil || !bytes.Contains(source, []byte(at)) {
		return "", errors.Join(errors.New("time.Now is not what it was"), err)
	}
	source = bytes.Replace(source, []byte(at), []byte(at+"\tif mono >= shiftAfter {\n\t\tsec += shiftBy\n\t}\n"), 1)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(lib, "time.go"):  filepath.Join(dir, "time.go"),
		filepath.Join(lib, "shift.go"): filepath.Join(dir, "shift.go"),
	}})
	program := filepath.Join(dir, "millrace")
	if err := errors.Join(err,
		os.WriteFile(filepath.Join(dir, "time.go"), source, 0o600),
		os.WriteFile(filepath.Join(dir, "shift.go"), []byte(shift), 0o600),
		os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600)); err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "../../cmd/millrace").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return program, nil
})

// serve runs a node in a process of its own, whose clock is wrong, until it is killed.
func serve(t *testing.T, program, url, clock string) (kill func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "--server", url, "--json", "serve", "--shards", "2")
	cmd.Env = append(os.Environ(), envClock+"="+clock)
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
	program, err := theProgram()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(program)) })
	for name, clock := range map[string]string{
		"an hour ahead": "3600,3", "an hour behind": "-3600,3", "ahead from the beginning": "3600,0", "behind from the beginning": "-3600,0",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", Sync: "1m"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(srv.Close)
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
