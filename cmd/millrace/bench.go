package main

import (
	"context"
	"fmt"

	"github.com/millrace-dev/millrace/cmd/millrace/bench"
)

// benchCmd measures the engine.
type benchCmd struct {
	N        int    `help:"Workflows to run one after the other." default:"500"`
	Load     int    `help:"Workflows to run for throughput." default:"2000"`
	InFlight int    `help:"How many of them at once." default:"50"`
	Sync     string `help:"When to flush to disk: always, or an interval such as 100ms." default:"always"`
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
	r, err := bench.Run(ctx, bench.Options{N: b.N, Load: b.Load, InFlight: b.InFlight, Sync: b.Sync, Progress: progress})
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
