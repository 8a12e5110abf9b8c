package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/millrace-dev/millrace/orchestrator/client"
)

// Options say what to measure. Zero means the default.
type Options struct {
	// Layout is [OneProcess] or [FourProcesses]. Defaults to OneProcess.
	Layout string
	// Sync is the store's setting, as in orchestrator.Options. Defaults to "always".
	Sync string
	// N is how many of each workload are measured one after the other. Defaults to 500.
	N int
	// Load is how many are run for throughput, and InFlight how many of them at once. Default to 4,000 and 200.
	Load, InFlight int
	// Sleepers is how many runs sleep while one of them costs, and timers end. Defaults to 10,000.
	Sleepers int
	// Workers and Shards are how many of them there are. Default to 1 and 8.
	Workers, Shards int
	// Only names the workloads to run; empty means all of the table.
	Only []string
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
	number(&o.Load, 4000)
	number(&o.InFlight, 200)
	number(&o.Sleepers, 10_000)
	number(&o.Workers, 1)
	number(&o.Shards, 8)
	text(&o.Layout, OneProcess)
	text(&o.Sync, "always")
	if o.Command == nil {
		o.Command = selfCommand
	}
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	return o
}

func (o Options) wants(name string) bool { return len(o.Only) == 0 || slices.Contains(o.Only, name) }

// Report is what was measured. Its JSON form is stable.
type Report struct {
	Layout    string     `json:"layout"`
	Sync      string     `json:"sync"`
	Floor     FloorMS    `json:"floor"`
	Workloads []Workload `json:"workloads"`
	// Limits are figures that are held to a limit and not to the floor.
	Limits []Limit `json:"limits,omitempty"`
}

// FloorMS is the floor in milliseconds and per second.
type FloorMS struct {
	Request   float64 `json:"core_request_ms"`
	CAS       float64 `json:"cas_publish_ms"`
	Hop       float64 `json:"durable_hop_ms"`
	Hello     float64 `json:"hello_ms"`
	Hops      float64 `json:"hops_per_s"`
	Publishes float64 `json:"publishes_per_s"`
}

func (r *Report) add(w Workload) { r.Workloads = append(r.Workloads, w) }

// session is a run of the bench that is under way: what to measure, where, and what has been measured.
type session struct {
	Options
	*Report

	site   *site
	broker *broker
	client *client.Client
	floor  Floor
}

// group measures some workloads and adds them to the report. It leaves out those that the session does not want.
type group func(context.Context, *session) error

// groups are measured in this order. The floor comes with the first two.
var groups = []group{
	latency,
	rates,
	fanOuts,
	load,
	cold,
	sleepers,
	memory,
}

// Run measures the floor and the engine on one server with a file store.
func Run(ctx context.Context, o Options) (r *Report, err error) {
	o = o.withDefaults()
	s := &session{Options: o, Report: &Report{Layout: o.Layout, Sync: o.Sync}}
	s.site, err = setUp(ctx, o)
	defer func() { err = errors.Join(err, s.site.close()) }()
	if err != nil {
		return nil, err
	}
	if s.broker, err = newBroker(ctx, s.site.conn, o.Shards); err != nil {
		return nil, fmt.Errorf("prepare the floor: %w", err)
	}
	if s.client, err = client.New(s.site.conn); err != nil {
		return nil, err
	}
	for _, measure := range groups {
		if err := measure(ctx, s); err != nil {
			return nil, err
		}
	}
	return s.Report, nil
}

// rates measures what the broker does when many messages are under way, and takes its streams away.
func rates(ctx context.Context, s *session) error {
	s.Progress("the broker's rate", 0, 1)
	for range 3 { // the best of three: a rate is what the broker can do
		hops, publishes, err := s.broker.rates(ctx, s.Load)
		if err != nil {
			return err
		}
		s.floor.Hops, s.floor.Publishes = max(s.floor.Hops, hops), max(s.floor.Publishes, publishes)
	}
	f := s.floor
	s.Floor = FloorMS{ms(f.Request.P50), ms(f.CAS.P50), ms(f.Hop.P50), ms(f.Hello()), f.Hops, f.Publishes}
	return s.broker.close()
}
