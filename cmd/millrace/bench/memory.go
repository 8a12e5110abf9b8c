package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/millrace-dev/millrace/orchestrator/client"
)

const workMemory = "memory"

// memory measures what `millrace dev` takes of the machine's memory, when it has just been started and after many workflows.
func memory(ctx context.Context, s *session) (err error) {
	if !s.wants(workMemory) || s.Digest == 0 {
		return nil
	}
	dir, err := os.MkdirTemp("", "millrace-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	dev, err := spawn(ctx, s.Command, roleDev, dir, s.Sync, strconv.Itoa(s.Shards))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dev.stop()) }()
	s.Progress("memory", 0, 1)
	if err := pause(ctx, s.Settling/10); err != nil {
		return err
	}
	idle, err := resident(ctx, dev.cmd.Process.Pid)
	if err != nil {
		return err
	}
	s.limit(Limit{Name: "memory of millrace dev, idle", N: 1, Value: idle, Unit: "MB", Required: 60})
	if err := digestHellos(ctx, s, dev.said); err != nil {
		return err
	}
	loaded, err := resident(ctx, dev.cmd.Process.Pid)
	if err != nil {
		return err
	}
	if err := pause(ctx, s.Settling); err != nil {
		return err
	}
	settled, err := resident(ctx, dev.cmd.Process.Pid)
	if err != nil {
		return err
	}
	s.limit(Limit{Name: "more of it right after so many workflows", N: s.Digest, Value: loaded - idle, Unit: "MB"})
	s.limit(Limit{Name: "more of it after so many workflows, settled", N: s.Digest, Value: settled - idle, Unit: "MB", Required: 50})
	return nil
}

// digestHellos runs the workflows, with a worker in a process of its own.
func digestHellos(ctx context.Context, s *session, url string) (err error) {
	w, err := spawn(ctx, s.Command, roleWorker, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	nc, err := connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	c, err := client.New(nc)
	if err != nil {
		return err
	}
	_, _, err = throughput(ctx, s.Digest, s.InFlight, func(ctx context.Context) error {
		return ends(ctx, c, Hello, "Ada", "Hello Ada")
	}, func(done int) { s.Progress(workMemory, done, s.Digest) })
	return err
}

// resident is how much of a process lies in the machine's memory, in megabytes.
func resident(ctx context.Context, pid int) (float64, error) {
	out, err := exec.CommandContext(ctx, "ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output() //nolint:gosec // a number
	if err != nil {
		return 0, fmt.Errorf("ask ps for the memory of a process: %w", err)
	}
	kb, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	return kb / 1024, err
}
