package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fault"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fleet"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
)

// chaosCmd runs a fleet under load and lets it fail in every way that is known.
type chaosCmd struct {
	Short    bool     `help:"A few faults and a few hundred runs: three minutes."`
	Runs     int      `help:"Runs for each fault; 10,000 unless it is short." placeholder:"N"`
	InFlight int      `help:"How many of them at once." default:"50"`
	Fault    []string `help:"Only this fault; may be given again. --list has the names." placeholder:"NAME"`
	List     bool     `help:"List the faults."`
	Seed     uint64   `help:"Repeats the load and the faults, as far as clocks permit. Chosen and shown without." placeholder:"N"`
	Dir      string   `help:"Directory for data and logs, which are kept then." type:"path" placeholder:"DIR"`
}

// Of the short form.
const shortRuns = 300

var shortFaults = []string{"kill-node", "kill-worker", "kill-leader", "stop-node", "partition-node"}

// Run fails when a promise is broken.
func (c *chaosCmd) Run(ctx context.Context, a *app) error {
	if c.List {
		return c.list(a)
	}
	o, done, err := c.options(a)
	if err != nil {
		return err
	}
	r, err := chaos.Run(ctx, o)
	a.soFar("")
	switch {
	case a.JSON:
		_ = printJSON(a.out, r) // what went wrong before is more
	case len(r.Faults) > 0:
		r.Print(a.out)
	}
	broken := r.Broken()
	if len(broken) == 0 && (err == nil || ctx.Err() != nil) {
		err = errors.Join(err, done())
	}
	switch {
	case err != nil && ctx.Err() == nil:
		return err
	case len(broken) > 0:
		return protocol.Errorf(protocol.CodeInternal, "%d promises were broken, such as this: %s", len(broken), broken[0]).
			WithHint("data and logs are in %s; --seed %d repeats the load and the faults", o.Dir, o.Seed)
	case err == nil && r.Skipped() == len(r.Faults):
		return protocol.Errorf(protocol.CodeUnavailable, "nothing could be tried on this machine")
	}
	return err
}

func (c *chaosCmd) list(a *app) error {
	if a.JSON {
		var names []map[string]string
		for _, f := range fault.All() {
			names = append(names, map[string]string{"fault": f.Name, "about": f.About})
		}
		return printJSON(a.out, names)
	}
	return table(a.out, "FAULT\tABOUT", func(line func(string, ...any)) {
		for _, f := range fault.All() {
			line("%s\t%s", f.Name, f.About)
		}
	})
}

// options are the flags for the package. done removes what is not to be kept.
func (c *chaosCmd) options(a *app) (o chaos.Options, done func() error, err error) {
	o = chaos.Options{
		Command: selfPart, URL: a.named(), Runs: c.Runs, InFlight: c.InFlight, Seed: c.Seed, Dir: c.Dir, Keep: c.Dir != "",
	}
	if o.Faults, err = c.faults(a); err != nil {
		return o, nil, err
	}
	if c.Short && o.Runs == 0 {
		o.Runs = shortRuns
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64N(1_000_000) //nolint:gosec // chance, not a secret
	}
	done = func() error { return nil }
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "millrace-chaos-"); err != nil {
			return o, nil, err
		}
		done = func() error { return os.RemoveAll(o.Dir) }
	}
	if !a.JSON {
		o.Progress = func(what string, done, of int) { a.soFar(gauge(done, of) + " " + what) }
		o.Tried = func(l *chaos.Line) { a.soFar(""); fmt.Fprintln(a.err, l) }
	}
	return o, done, nil
}

// named is the server that the command line names. The environment's does not count: it may be there for everyday work.
func (a *app) named() string {
	if a.Server == os.Getenv("NATS_URL") {
		return ""
	}
	return a.Server
}

// faults are those that the flags ask for, and that can be done to the servers at hand.
func (c *chaosCmd) faults(a *app) (chosen []fault.Fault, err error) {
	known := fault.All()
	names := c.Fault
	for _, n := range names {
		i := slices.IndexFunc(known, func(f fault.Fault) bool { return f.Name == n })
		switch {
		case i < 0:
			return nil, protocol.Errorf(protocol.CodeBadRequest, "there is no fault %q", n).WithHint("millrace chaos --list")
		case known[i].Servers && a.named() != "":
			return nil, protocol.Errorf(protocol.CodeBadRequest, "%s is about NATS servers, and yours are not touched", n).
				WithHint("without --server, the fleet has servers of its own")
		}
	}
	if len(names) == 0 && c.Short {
		names = shortFaults
	}
	return slices.DeleteFunc(known, func(f fault.Fault) bool {
		return f.Servers && a.named() != "" || len(names) > 0 && !slices.Contains(names, f.Name)
	}), nil
}

// gauge shows how much is done, in a line.
func gauge(done, of int) string {
	const width = 30
	full := 0
	if of > 0 {
		full = width * min(done, of) / of
	}
	return fmt.Sprintf("[%s%s] %d of %d", strings.Repeat("#", full), strings.Repeat(".", width-full), done, of)
}

// selfPart runs this program as a part of a fleet.
func selfPart(ctx context.Context, part string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return exec.CommandContext(ctx, self, "chaos-part", part) //nolint:gosec // this program
}

// chaosPartCmd is one process of a fleet.
type chaosPartCmd struct {
	Part string `arg:""`
}

// Run runs the part until its standard input ends.
func (c *chaosPartCmd) Run(ctx context.Context, a *app) error {
	working, stopped := context.WithCancel(ctx)
	defer stopped()
	tend(working) // as the commands do that the parts stand for
	return fleet.Play(ctx, c.Part, chaosWorker, os.Stdin, a.out, a.logger())
}

// chaosWorker is a worker of the load.
func chaosWorker(nc *nats.Conn, p fleet.Part, log *slog.Logger, ready func()) *worker.Worker {
	return traffic.Worker(nc, p.Queue, p.ID(), p.Ledger, log, worker.Namespace(string(p.Namespace)), worker.OnReady(ready))
}
