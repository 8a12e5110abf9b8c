package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// Options say what to measure. Zero means the default.
type Options struct {
	// Layout is [OneProcess] or [FourProcesses]. Defaults to OneProcess.
	Layout string
	// Sync is the store's setting, as in orchestrator.Options. Defaults to "always".
	Sync string
	// N is how many of each workload are measured one after the other. Defaults to 500.
	N int
	// Load is how many are run for throughput, and InFlight how many of them at once. Default to 2,000 and 200.
	Load, InFlight int
	// Sleepers is how many runs sleep while their memory is measured, their node restarted, and the timers of a tenth of them awaited.
	// Zero leaves that out.
	Sleepers int
	// Digest is how many hellos a process has to digest before its memory is measured. Zero leaves that out.
	Digest int
	// Backlog is how many starts lie in the inboxes when a node comes to work them off. Zero leaves that out.
	Backlog int
	// Settling is how long processes are left alone before somebody looks at their memory. Defaults to 40 s: a node forgets runs that
	// sleep after 35 s, and gives memory back to the system after 15 to 30 s.
	Settling time.Duration
	// Workers and Shards are how many of them there are. Default to 1 and 8.
	Workers, Shards int
	// Largest is the size in bytes up to which payloads are measured. Zero means all.
	Largest int64
	// Only names the workloads to run; empty means all of the table, unless Grow is set.
	Only []string
	// Grow measures how the cost of a hello grows, with up to so many closed runs in the history. Zero leaves it out.
	Grow int
	// Command runs this program with arguments, as a part of the layout with four processes. Defaults to the executable.
	Command Command
	// Progress is told what is being measured, and how far it is.
	Progress func(what string, done, of int)
}

func (o Options) withDefaults() Options {
	number := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	text := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	number(&o.N, 500)
	number(&o.Load, 2000)
	number(&o.InFlight, 200)
	number(&o.Workers, 1)
	number(&o.Shards, 8)
	text(&o.Layout, OneProcess)
	text(&o.Sync, "always")
	if o.Settling == 0 {
		o.Settling = 40 * time.Second
	}
	if o.Command == nil {
		o.Command = Self
	}
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	return o
}

// session is a run of the bench that is under way: what to measure, where, and what has been measured.
type session struct {
	Options

	report *Report
	site   *site
	broker *broker
	client *client.Client
	floor  Floor
	known  []string // the names of the workloads that there are
}

// wants reports whether a workload is to be measured.
func (s *session) wants(name string) bool {
	s.known = append(s.known, name)
	if len(s.Only) == 0 {
		return s.Grow == 0
	}
	return slices.Contains(s.Only, name)
}

// unknown is an error if a workload is wanted that does not exist.
func (s *session) unknown() error {
	for _, name := range s.Only {
		if !slices.Contains(s.known, name) {
			return protocol.Errorf(protocol.CodeBadRequest, "there is no workload %q", name).WithHint("%s", strings.Join(s.known, ", "))
		}
	}
	return nil
}

func (s *session) add(w Workload) { s.report.Workloads = append(s.report.Workloads, w) }
func (s *session) limit(l Limit)  { s.report.Limits = append(s.report.Limits, l) }

// group measures some workloads and adds them to the report. It leaves out those that the session does not want.
type group func(context.Context, *session) error

// groups are measured in this order. The floor comes with the first two.
var groups = []group{
	latency,
	crowd,
	cold,
	grow,
	sleepers,
	memory,
	workOff,
	moving,
}

// Run measures the floor and the engine on a layout of their own, with a file store.
func Run(ctx context.Context, o Options) (r *Report, err error) {
	s, err := open(ctx, o.withDefaults())
	defer func() { err = errors.Join(err, s.close()) }()
	if err != nil {
		return nil, err
	}
	for _, measure := range groups {
		if err := measure(ctx, s); err != nil {
			return nil, err
		}
	}
	if err := s.unknown(); err != nil {
		return nil, err
	}
	f := s.floor
	s.report.Floor = FloorMS{ms(f.Request.P50), ms(f.CAS.P50), ms(f.Hop.P50), ms(f.of(bareHello)), f.Hops, f.Publishes}
	return s.report, nil
}

func (s *session) close() error { return s.site.close() }

// open starts the layout. It must be closed, also after an error.
func open(ctx context.Context, o Options) (s *session, err error) {
	s = &session{Options: o, report: newReport(o)}
	if s.site, err = setUp(ctx, o); err != nil {
		return s, err
	}
	if s.client, err = client.New(s.site.conn); err != nil {
		return s, err
	}
	s.broker, err = newBroker(ctx, s.site.conn, o.Shards, o.replicas())
	if err != nil {
		err = fmt.Errorf("prepare the floor: %w", err)
	}
	return s, err
}
