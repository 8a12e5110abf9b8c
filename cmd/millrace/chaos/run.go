package chaos

import (
	"cmp"
	"context"
	"os/exec"
	"runtime"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fault"
)

// Options say what to try. Zero means the default.
type Options struct {
	// Dir is where the fleets keep their files: a directory for each fault. Required.
	Dir string
	// Command makes the process of a part, as in package fleet. Required.
	Command func(ctx context.Context, part string) *exec.Cmd
	// URL is the user's NATS. Without it every fleet has three servers of its own.
	URL string
	// Faults are what to try. Required.
	Faults []fault.Fault
	// Runs is how many scripts of workflows are played for each fault, and InFlight how many at once. Default to 10,000 and 50.
	Runs, InFlight int
	// Seed chooses the load, and when what is done to whom.
	Seed uint64
	// Progress is told what is going on, and how many runs are done.
	Progress func(what string, done, of int)
	// Tried hears of each fault what came of it. May be nil.
	Tried func(l *Line)
	// Keep leaves the directory of a fault also when nothing was wrong.
	Keep bool
}

func (o Options) withDefaults() Options {
	o.Runs, o.InFlight = cmp.Or(o.Runs, 10_000), cmp.Or(o.InFlight, 50)
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	if o.Tried == nil {
		o.Tried = func(*Line) {}
	}
	return o
}

// Run tries each fault. The report is there also after an error, with the faults that were tried.
func Run(ctx context.Context, o Options) (*Report, error) {
	o = o.withDefaults()
	r := &Report{
		Seed: o.Seed, InFlight: o.InFlight, Faults: []Line{},
		Machine: Machine{runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()},
	}
	for _, f := range o.Faults {
		line, err := try(ctx, o, f)
		if err != nil {
			return r, err
		}
		r.Faults = append(r.Faults, *line)
		o.Tried(line)
	}
	return r, nil
}
