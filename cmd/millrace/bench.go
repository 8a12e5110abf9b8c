package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/millrace-dev/millrace/cmd/millrace/bench"
)

// benchCmd measures the engine.
type benchCmd struct {
	Layout   string   `help:"Where the parts live: one process, four, or beside three servers." enum:"one,four,r3" default:"one"`
	Sync     string   `help:"When to flush to disk: always, or an interval such as 100ms." default:"always"`
	N        int      `help:"How many of each to run one after the other." default:"500"`
	Load     int      `help:"Workflows to run for throughput, three times." default:"2000"`
	InFlight int      `help:"How many of them at once." default:"200"`
	Sleepers int      `help:"Runs that sleep; 100000 takes four minutes." default:"10000"`
	Digest   int      `help:"Workflows before memory is measured." default:"10000"`
	Backlog  int      `help:"Starts that wait for a node; 1000000 takes ten minutes." default:"20000"`
	Workers  int      `help:"Workers." default:"1"`
	Shards   int      `help:"Shards." default:"8"`
	Largest  int64    `help:"Size in bytes up to which payloads are measured; 0 for all, to 1 GiB."`
	Only     []string `help:"Workloads to run, by name." placeholder:"NAME,..."`

	Grow   bool `help:"Measure how the cost grows: with more in flight, workers, shards and closed runs."`
	Closed int  `help:"How many closed runs to grow to." default:"100000"`

	Name []string `arg:"" optional:"" help:"Workloads to run, as with --only. payload runs only when it is named: it moves gigabytes."`

	Check      string `help:"Compare the ratios with a file's; fail if one is worse by a quarter." placeholder:"FILE" xor:"baseline"`
	Save       string `help:"Write the ratios to a file, for --check." placeholder:"FILE" xor:"baseline"`
	Markdown   bool   `help:"Write the tables in Markdown."`
	CPUProfile string `help:"Write CPU profiles: to a file, of other processes to FILE.ROLE." name:"cpuprofile" placeholder:"FILE"`
}

// Run prints the floor, the engine and their ratio.
func (b *benchCmd) Run(ctx context.Context, a *app) (err error) {
	stop, err := profile(b.CPUProfile)
	if err != nil {
		return err
	}
	r, err := b.measure(ctx, b.options(a))
	err = errors.Join(err, stop())
	if isTerminal(a.err) && !a.JSON {
		fmt.Fprint(a.err, "\r\033[K")
	}
	switch {
	case r == nil:
	case a.JSON:
		err = errors.Join(printJSON(a.out, r), err)
	case b.Markdown:
		r.Markdown(a.out)
	default:
		r.Print(a.out)
	}
	return err
}

// measure runs the bench the way that the flags ask for. A report is there also when the check fails.
func (b *benchCmd) measure(ctx context.Context, o bench.Options) (*bench.Report, error) {
	measuring, measured := context.WithCancel(ctx)
	defer measured()
	tend(measuring) // as the processes do whose parts run in this one
	switch {
	case b.Check != "":
		return bench.Check(ctx, o, b.Check)
	case b.Save != "":
		return bench.Save(ctx, o, b.Save)
	}
	return bench.Run(ctx, o)
}

func (b *benchCmd) options(a *app) bench.Options {
	o := bench.Options{
		Layout: b.Layout, Sync: b.Sync, N: b.N, Load: b.Load, InFlight: b.InFlight, Workers: b.Workers, Shards: b.Shards,
		Only: slices.Concat(b.Only, b.Name), Largest: b.Largest,
	}
	if b.Check == "" && b.Save == "" { // what is held to limits of its own has no ratio to compare
		o.Sleepers, o.Digest, o.Backlog = b.Sleepers, b.Digest, b.Backlog
	}
	if b.Grow {
		o.Grow = b.Closed
	}
	if b.CPUProfile != "" {
		o.Command = profiled(b.CPUProfile)
	}
	if isTerminal(a.err) && !a.JSON {
		o.Progress = func(what string, done, of int) {
			line := "\r\033[Kmeasuring " + what
			if of > 1 {
				line += fmt.Sprintf(" %d of %d", done, of)
			}
			fmt.Fprint(a.err, line) // in one write: many workflows tell at once
		}
	}
	return o
}

// benchRoleCmd is one part of a bench with several processes.
type benchRoleCmd struct {
	CPUProfile string `name:"cpuprofile"`

	Args []string `arg:""`
}

// Run runs the part until its standard input ends.
func (b *benchRoleCmd) Run(ctx context.Context, a *app) (err error) {
	stop, err := profile(b.CPUProfile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	working, stopped := context.WithCancel(ctx)
	defer stopped()
	if !bench.Plain(b.Args) {
		tend(working) // as the process does that the part stands for
	}
	return bench.Role(ctx, b.Args, os.Stdin, a.out)
}
