//go:build unix

package durable

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
)

var cuts = flag.Int("cuts", 1, "how often the power goes, with each setting")

// The power goes while a node works, again and again. What a power cut leaves is modelled on a copy of the store's directory: the process is
// stopped for a moment, all files are copied as they are then, and of each file of messages what need not have reached the disk is cut off,
// or is zeros, from a random byte on. What has reached it is known from how long the file was when it must have been flushed for the last
// time: at the moment at which everything that counts had been acknowledged, and with an interval that long before. Files that are replaced
// as a whole, such as indexes, are copied as they are. What the disk itself loses though it was told to flush is not modelled.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	for _, with := range []struct {
		sync  string
		bound time.Duration // of what is lost
	}{
		{"always", 0},
		{"100ms", 500 * time.Millisecond}, // the interval, and some for a machine that is busy
	} {
		t.Run(with.sync, func(t *testing.T) {
			t.Parallel()
			if with.bound > 0 && testing.Short() {
				t.Skip("the short form holds what is promised by default")
			}
			t.Logf("repeat with -seed %d", *seed)
			powerCuts(t, with.sync, with.bound)
		})
	}
}

func powerCuts(t *testing.T, sync string, bound time.Duration) {
	t.Helper()
	dir := t.TempDir()
	process, url := node(t, dir, sync)
	nc := connect(t, url)
	c, err := client.New(nc, client.DefaultQueue(rig.Queue))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan struct{}, 2)
	go func() {
		if err := worker.New(connect(t, url), rig.Queue, append(work(), worker.Logger(rig.Logger(t)))...).Run(ctx); err != nil {
			t.Error(err)
		}
		over <- struct{}{}
	}()
	l := newLedger()
	go func() {
		l.orders(ctx, c, 8)
		over <- struct{}{}
	}()
	r := rand.New(rand.NewPCG(*seed, uint64(len(sync))))
	type cut struct {
		dir string
		promise
	}
	var copies []cut
	n := *cuts
	if testing.Short() {
		n = 1
	}
	for range n {
		first := len(l.before(l.done, time.Now()))
		more := 20 + r.IntN(60)
		rig.Until(t, "more runs", func() bool { return len(l.before(l.done, time.Now())) > first+more })
		at := time.Now()
		lengths := sizes(t, dir)
		wait(t, max(bound, time.Duration(r.IntN(20))*time.Millisecond))
		to := t.TempDir()
		powerOff(t, r, process, dir, to, lengths)
		copies = append(copies, cut{to, l.promised(at)})
	}
	stop()
	<-over
	<-over
	for _, left := range copies {
		e := rig.Start(t, rig.In(left.dir))
		stopWork := e.Work(t, work()...)
		left.hold(t, e)
		stopWork()
		e.Halt(t)
	}
}

// wait lets the load go on for a while.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// sizes are the lengths of the files of messages, by their paths.
func sizes(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	each(t, dir, func(path string, e fs.DirEntry) {
		if info, err := e.Info(); err == nil && strings.HasSuffix(path, ".blk") {
			found[path] = info.Size()
		}
	})
	return found
}

// each calls f for every file. One that goes meanwhile is passed over.
func each(t *testing.T, dir string, f func(path string, e fs.DirEntry)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && e.Type().IsRegular() {
			rel, relErr := filepath.Rel(dir, path)
			if relErr != nil {
				return relErr
			}
			f(rel, e)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// powerOff copies what a power cut would leave.
func powerOff(t *testing.T, r *rand.Rand, p *os.Process, dir, to string, flushed map[string]int64) {
	t.Helper()
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}()
	each(t, dir, func(path string, _ fs.DirEntry) {
		data, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		if from := int(flushed[path]); strings.HasSuffix(path, ".blk") && from < len(data) {
			from += r.IntN(len(data) - from + 1)
			switch r.IntN(3) {
			case 0:
				data = data[:from]
			case 1:
				clear(data[from:])
			}
		}
		file := filepath.Join(to, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	})
}
