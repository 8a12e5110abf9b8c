package main

import (
	"context"
	"fmt"
	"os"

	"github.com/millrace-dev/millrace/cmd/millrace/bench"
)

// benchCmd measures the engine.
type benchCmd struct {
	Layout   string   `help:"Where the parts live: in one process, or in four." enum:"one,four" default:"one"`
	Sync     string   `help:"When to flush to disk: always, or an interval such as 100ms." default:"always"`
	N        int      `help:"How many of each to run one after the other." default:"500"`
	Load     int      `help:"Workflows to run for throughput." default:"4000"`
	InFlight int      `help:"How many of them at once." default:"200"`
	Sleepers int      `help:"Runs that sleep; 100000 takes five minutes." default:"10000"`
	Workers  int      `help:"Workers." default:"1"`
	Shards   int      `help:"Shards." default:"8"`
	Only     []string `help:"Workloads to run, by name." placeholder:"NAME,..."`
}

// Run prints the floor, the engine and their ratio.
func (b *benchCmd) Run(ctx context.Context, a *app) error {
	progress := func(string, int, int) {}
	if isTerminal(a.err) && !a.JSON {
		progress = func(what string, done, of int) {
			fmt.Fprintf(a.err, "\r\033[Kmeasuring %s", what)
			if of > 1 {
				fmt.Fprintf(a.err, " %d of %d", done, of)
			}
		}
		defer fmt.Fprint(a.err, "\r\033[K")
	}
	r, err := bench.Run(ctx, bench.Options{
		Layout: b.Layout, Sync: b.Sync, N: b.N, Load: b.Load, InFlight: b.InFlight, Workers: b.Workers, Shards: b.Shards, Only: b.Only,
		Sleepers: b.Sleepers, Progress: progress,
	})
	if err != nil {
		return err
	}
	if a.JSON {
		return printJSON(a.out, r)
	}
	if isTerminal(a.err) {
		fmt.Fprint(a.err, "\r\033[K")
	}
	r.Print(a.out)
	return nil
}

// benchRoleCmd is one part of a bench with four processes.
type benchRoleCmd struct {
	Args []string `arg:""`
}

// Run runs the part until its standard input ends.
func (b *benchRoleCmd) Run(ctx context.Context, a *app) error {
	working, stopped := context.WithCancel(ctx)
	defer stopped()
	go rest(working) // as the process does that the part stands for
	return bench.Role(ctx, b.Args, os.Stdin, a.out)
}
