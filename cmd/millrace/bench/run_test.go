package bench

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// tiny is a bench that is over in a second.
func tiny(layout string) Options {
	return Options{Layout: layout, Sync: "1m", N: 3, Load: 20, InFlight: 10, Shards: 2, Command: thisBinary}
}

func run(t *testing.T, o Options) *Report {
	t.Helper()
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantWorkload fails the test unless the line was measured and judged.
func wantWorkload(t *testing.T, w Workload) {
	t.Helper()
	if w.N == 0 || w.P50 <= 0 || w.P95 < w.P50 || w.P99 < w.P95 || w.PerSec <= 0 || w.Floor <= 0 || w.Ratio <= 0 || w.Required <= 0 {
		t.Errorf("%+v: a figure is missing", w)
	}
	of := w.P50
	if w.InFlight > 1 {
		of = w.PerSec
	}
	if got := of / w.Floor; got != w.Ratio {
		t.Errorf("%s: the ratio is %v, want %v", w.Name, w.Ratio, got)
	}
}

func TestReportHasEveryWorkload(t *testing.T) {
	t.Parallel()
	want := []string{
		"hello", "chain of 10", "local activity", "signal to reaction", "update", "query",
		"hello throughput", "local activity throughput", "fan-out 100", "fan-out 1000",
	}
	o := tiny(OneProcess)
	if testing.Short() {
		want = want[:len(want)-1] // the longest
		o.Only = append(want, "cold replay of a chain")
	}
	r := run(t, o)
	var names []string
	for _, w := range r.Workloads {
		wantWorkload(t, w)
		names = append(names, w.Name)
	}
	for _, name := range want {
		if !slices.Contains(names, name) {
			t.Errorf("%q is missing in %q", name, names)
		}
	}
	i := slices.IndexFunc(r.Limits, func(l Limit) bool { return l.Name == "cold replay of a chain" })
	if i < 0 || r.Limits[i].N < 1000 || r.Limits[i].Value <= 0 || !r.Limits[i].AtLeast {
		t.Errorf("no cold replay in %+v", r.Limits)
	}
	f := r.Floor
	if f.Request <= 0 || f.CAS <= 0 || f.Hop <= 0 || f.Hops <= 0 || f.Publishes < f.Hops {
		t.Errorf("the floor is %+v", f)
	}
	var text, table bytes.Buffer
	r.Print(&text)
	r.Markdown(&table)
	for _, name := range want {
		if !strings.Contains(text.String(), name) || !strings.Contains(table.String(), "| "+name+" |") {
			t.Errorf("%q is not printed:\n%s\n%s", name, &text, &table)
		}
	}
}

// Scripts read these names.
func TestJSONForm(t *testing.T) {
	t.Parallel()
	o := tiny(OneProcess)
	o.Only = []string{"hello"}
	data, err := json.Marshal(run(t, o))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Layout    string                       `json:"layout"`
		Sync      string                       `json:"sync"`
		Floor     map[string]float64           `json:"floor"`
		Workloads []map[string]json.RawMessage `json:"workloads"`
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Layout != "one" || got.Sync != "1m" || got.Floor["durable_hop_ms"] <= 0 || len(got.Workloads) != 1 {
		t.Fatalf("got %s", data)
	}
	for _, name := range []string{"name", "n", "in_flight", "p50_ms", "p95_ms", "p99_ms", "per_s", "floor", "ratio"} {
		if got.Workloads[0][name] == nil {
			t.Errorf("%s is missing in %s", name, data)
		}
	}
}

func TestPartsInProcessesOfTheirOwn(t *testing.T) {
	t.Parallel()
	o := tiny(FourProcesses)
	o.Only, o.Workers = []string{"hello", "hello throughput"}, 2
	r := run(t, o)
	if len(r.Workloads) != 2 {
		t.Fatalf("got %+v", r.Workloads)
	}
	for _, w := range r.Workloads {
		wantWorkload(t, w)
	}
}

func TestThreeServers(t *testing.T) {
	if testing.Short() {
		t.Skip("five processes")
	}
	t.Parallel()
	o := tiny(ThreeServers)
	o.Only, o.Shards = []string{"hello"}, 1
	if r := run(t, o); len(r.Workloads) != 1 || r.Layout != "r3" {
		t.Errorf("got %+v", r)
	}
}

func TestGrowth(t *testing.T) {
	if testing.Short() {
		t.Skip("eleven points")
	}
	t.Parallel()
	o := tiny(OneProcess)
	o.Grow = 1000
	r := run(t, o)
	var got []string
	for _, p := range r.Grow {
		if p.P50 <= 0 || p.PerSec <= 0 {
			t.Errorf("%+v: a figure is missing", p)
		}
		got = append(got, p.By+" "+grouped(int64(p.At)))
	}
	want := []string{
		"in flight 1", "in flight 10", "in flight 100", "in flight 1,000", "workers 1", "workers 2", "workers 4",
		"shards 2", "shards 8", "shards 32", "closed runs 1,000",
	}
	if !slices.Equal(got, want) || len(r.Workloads) > 0 {
		t.Errorf("got %q and workloads %+v, want %q and none", got, r.Workloads, want)
	}
}

func TestWhatDoesNotExistIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := Run(t.Context(), Options{Layout: "five"}); err == nil || !strings.Contains(err.Error(), "five") {
		t.Errorf("got %v", err)
	}
	o := tiny(OneProcess)
	o.Only = []string{"hullo"}
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), `there is no workload "hullo"`) {
		t.Errorf("a misspelt workload was not missed: %v", err)
	}
	if err := Role(t.Context(), []string{"cook"}, strings.NewReader(""), &bytes.Buffer{}); err == nil {
		t.Error("a part that does not exist ran")
	}
	o = tiny(FourProcesses)
	o.Sync = "often"
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), `"often" does not say when`) {
		t.Errorf("the server's complaint is not told: %v", err)
	}
}

func TestPayloads(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("moves a gigabyte")
	}
	o := tiny(OneProcess)
	o.Only, o.Largest = []string{workPayload}, 10<<20
	r := run(t, o)
	if len(r.Payloads) != 4 {
		t.Fatalf("measured are %+v", r.Payloads)
	}
	for _, p := range r.Payloads {
		if p.Raw <= 0 || p.Echo <= 0 || p.Ratio != p.Echo/p.Raw || p.Worker <= 0 || p.Client <= 0 {
			t.Errorf("%+v: a figure is missing", p)
		}
	}
	var text bytes.Buffer
	r.Print(&text)
	if !strings.Contains(text.String(), "10 MiB") {
		t.Errorf("not printed:\n%s", &text)
	}
}
