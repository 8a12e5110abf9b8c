package pressure

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
)

// envApart says that a process of this test has mounts of its own.
const envApart = "MILLRACE_TEST_APART"

// apart runs a test in a process that has mounts of its own, which go with it however it ends, and need no privilege. It reports whether this
// is that process.
func apart(t *testing.T) bool {
	t.Helper()
	if os.Getenv(envApart) != "" {
		return true
	}
	runtime.LockOSThread() // the process below dies with the thread that has started it
	defer runtime.UnlockOSThread()
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), envApart+"=1"), &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("mounts of one's own are not permitted here, so a full disk is not tested: %v", err)
	}
	err := cmd.Wait()
	_, _ = t.Output().Write(said.Bytes())
	switch {
	case err != nil:
		t.Error(err)
	case strings.Contains(said.String(), "--- SKIP"):
		t.Skip("see above")
	}
	return false
}

// smallDisk mounts a disk of so many bytes, or skips the test where that is not permitted.
func smallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small disk cannot be mounted here, so a full one is not tested: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// diary is a log that can be read.
type diary struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

func (d *diary) says(what string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Contains(d.text.String(), what)
}

// fillDisk writes a file until the disk is full.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	_ = f.Close() // it is full
}

// Somebody else fills the disk. The node says so and refuses new runs; what it has to write is not acknowledged, and it says what to do. With
// room on the disk and a new process everything goes on, and what was acknowledged is there.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if !apart(t) {
		return
	}
	dir := smallDisk(t, "64m")
	var log diary
	begin := func() *rig.Engine {
		e := rig.Start(t, rig.In(filepath.Join(dir, "data")), func(o *orchestrator.Options) {
			o.MaxStore, o.Logger = 1<<40, slog.New(slog.NewTextHandler(&log, nil))
		})
		e.Work(t, worker.Workflow(Gate), worker.Activity(Echo))
		return e
	}
	e := begin()
	ids := make([]string, 20)
	for i := range ids {
		ids[i] = rig.Run(t, e, Gate, "").ID()
	}
	c := hasty(t, e)
	fillDisk(t, filepath.Join(dir, "others"))
	rig.Until(t, "the refusal of a new run", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.Start(ctx, c, Gate, "")
		return err != nil && protocol.AsError(err).Code == protocol.CodeBusy
	})
	acknowledged := tellAll(t, c, ids, strings.Repeat("x", 64<<10), 3*time.Second)
	t.Logf("%d of %d signals were acknowledged on the full disk", len(acknowledged), len(ids))
	rig.Until(t, "a word about the disk in the log", func() bool { return log.says("ALARM: NATS cannot write") && log.says("NEW RUNS ARE REFUSED") })

	stopping, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := os.Remove(filepath.Join(dir, "others")); err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(stopping); err != nil {
		t.Fatal(err)
	}
	e = begin()
	for _, id := range acknowledged {
		if n := len(rig.Find[protocol.WorkflowExecutionSignaled](e.History(t, id))); n != 1 {
			t.Errorf("the signal of %s was acknowledged and is there %d times", id, n)
		}
	}
	again := tellAll(t, hasty(t, e), ids, "", 20*time.Second)
	if len(again) != len(ids) {
		t.Errorf("%d of %d signals are taken when there is room", len(again), len(ids))
	}
	for _, id := range ids {
		if _, err := client.Get[string](e.Client(), id, "").Wait(t.Context()); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		if n := len(rig.Find[protocol.WorkflowExecutionSignaled](e.History(t, id))); n != 1 {
			t.Errorf("%s has its signal %d times", id, n)
		}
	}
}

// tellAll signals runs, each under a request ID of its own, and returns those that have acknowledged it in time.
func tellAll(t *testing.T, c *client.Client, ids []string, value string, wait time.Duration) (acknowledged []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, id := range ids {
		all.Go(func() {
			err := client.Signal(ctx, c, id, pass, value, client.WithRequestID("go-"+id))
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				acknowledged = append(acknowledged, id)
			}
		})
	}
	all.Wait()
	return acknowledged
}
