package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/pprof"
	"sync"

	"github.com/millrace-dev/millrace/cmd/millrace/bench"
)

// profile writes a CPU profile of this process until stop is called; none without a file.
func profile(file string) (stop func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(file) //nolint:gosec // the file that was asked for
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// profiled has each part of a bench write a profile beside that of the process that measures: file.server, and file.server-2 of the second.
func profiled(file string) bench.Command {
	var mu sync.Mutex
	begun := map[string]int{}
	return func(ctx context.Context, args ...string) *exec.Cmd {
		mu.Lock()
		defer mu.Unlock()
		name := file + "." + args[0]
		if begun[args[0]]++; begun[args[0]] > 1 {
			name = fmt.Sprintf("%s-%d", name, begun[args[0]])
		}
		return bench.Self(ctx, append([]string{"--cpuprofile", name}, args...)...)
	}
}
