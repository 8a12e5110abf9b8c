package bench

import (
	"fmt"
	"io"
	"runtime"
)

// Report is what was measured. Its JSON form is stable.
type Report struct {
	Layout    string     `json:"layout"`
	Sync      string     `json:"sync"`
	Workers   int        `json:"workers"`
	Shards    int        `json:"shards"`
	Machine   Machine    `json:"machine"`
	Floor     FloorMS    `json:"floor"`
	Workloads []Workload `json:"workloads"`
	// Limits are figures that are held to a limit and not to the floor.
	Limits []Limit `json:"limits,omitempty"`
	// Payloads are how values and files of many sizes fare.
	Payloads []Payload `json:"payloads,omitempty"`
	// Grow says how the cost of a hello grows.
	Grow []Point `json:"grow,omitempty"`
	// Changes are the ratios beside those of a baseline.
	Changes []Change `json:"changes,omitempty"`
}

// Machine is where it was measured.
type Machine struct {
	CPUs int    `json:"cpus"`
	OS   string `json:"os"`
	Arch string `json:"arch"`
	Go   string `json:"go"`
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

func newReport(o Options) *Report {
	return &Report{
		Layout: o.Layout, Sync: o.Sync, Workers: o.Workers, Shards: o.Shards, Workloads: []Workload{},
		Machine: Machine{runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()},
	}
}

// Print writes the report for a person.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintln(w, r.title())
	for _, s := range r.sheets() {
		fmt.Fprintln(w)
		s.text(w)
	}
	if len(r.Workloads) > 0 {
		fmt.Fprintln(w, "\nfrom the fastest to the 99th percentile")
		r.spreads(w)
	}
}

// Markdown writes the report's tables for a document.
func (r *Report) Markdown(w io.Writer) {
	fmt.Fprintf(w, "**%s**\n", r.title())
	for _, s := range r.sheets() {
		fmt.Fprintln(w)
		s.markdown(w)
	}
}

var layoutText = map[string]string{
	OneProcess:    "one process, connections without sockets",
	FourProcesses: "four processes, TCP loopback",
	ThreeServers:  "three servers, three copies of each stream, TCP loopback",
}

func (r *Report) title() string {
	return fmt.Sprintf("%s; sync %s; workers: %d, shards: %d; %d CPUs, %s/%s, %s", layoutText[r.Layout], r.Sync, r.Workers, r.Shards,
		r.Machine.CPUs, r.Machine.OS, r.Machine.Arch, r.Machine.Go)
}

// sheets are the tables that have something in them.
func (r *Report) sheets() []*sheet {
	all := []*sheet{r.floorSheet(), r.workloadSheet(), r.limitSheet(), r.payloadSheet(), r.growSheet(), r.changeSheet()}
	kept := all[:0]
	for _, s := range all {
		if len(s.rows) > 0 {
			kept = append(kept, s)
		}
	}
	return kept
}

func (r *Report) floorSheet() *sheet {
	f := r.Floor
	s := &sheet{head: []string{"the broker's floor", "core request", "CAS publish", "durable hop", "a hello's", "hops/s", "publishes/s"}}
	s.add("one at a time, many at once", msText(f.Request), msText(f.CAS), msText(f.Hop), msText(f.Hello),
		figure(f.Hops), figure(f.Publishes))
	return s
}

func (r *Report) workloadSheet() *sheet {
	s := &sheet{head: []string{
		"workload", "n", "in flight", "p50 ms", "p95 ms", "p99 ms", "per second", "floor", "ratio", "p99 ratio", "required", "",
	}}
	for _, x := range r.Workloads {
		floor, p99 := msText(x.Floor), figure(x.P99Ratio)
		if x.many() {
			floor, p99 = figure(x.Floor)+" /s", ""
		}
		s.add(x.Name, grouped(int64(x.N)), grouped(int64(x.InFlight)), figure(x.P50), figure(x.P95), figure(x.P99), figure(x.PerSec), floor,
			figure(x.Ratio), p99, x.bound(), x.verdict())
	}
	return s
}

func (r *Report) limitSheet() *sheet {
	s := &sheet{head: []string{"held to a limit", "n", "figure", "unit", "required", ""}}
	for _, l := range r.Limits {
		s.add(l.Name, grouped(int64(l.N)), figure(l.Value), l.Unit, l.bound(), l.verdict())
	}
	return s
}

func msText(v float64) string { return figure(v) + " ms" }
