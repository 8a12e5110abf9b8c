package bench

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func report(hello, many float64) *Report {
	return &Report{Layout: OneProcess, Sync: "always", Workloads: []Workload{
		{Name: "hello", InFlight: 1, Ratio: hello}, {Name: "many", InFlight: 200, Ratio: many}, {Name: "new", InFlight: 1, Ratio: 9},
	}}
}

func TestRatiosAreComparedWithABaseline(t *testing.T) {
	t.Parallel()
	base := Baseline{Ratios: map[string]float64{"hello": 2, "many": 0.5, "gone": 1}}
	for _, c := range []struct {
		hello, many float64
		worse       []string
	}{
		{2, 0.5, nil},
		{2.5, 0.4, nil}, // a quarter
		{1, 1, nil},     // better
		{2.6, 0.5, []string{"hello, from 2.00 to 2.60"}},
		{2, 0.39, []string{"many, from 0.500 to 0.390"}},
		{9, 0.1, []string{"hello, from 2.00 to 9.00", "many, from 0.500 to 0.100"}},
	} {
		changes := base.compare(report(c.hello, c.many))
		if len(changes) != 2 {
			t.Fatalf("got %+v, want the two workloads that are in both", changes)
		}
		err := verdict(changes)
		if (err == nil) != (c.worse == nil) {
			t.Errorf("%v and %v: got %v, want %q", c.hello, c.many, err, c.worse)
		}
		for _, text := range c.worse {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%v and %v: got %v, want %q in it", c.hello, c.many, err, text)
			}
		}
	}
}

func TestTheBestOfSeveralRunsCounts(t *testing.T) {
	t.Parallel()
	r := report(2, 0.5)
	r.keepBest(report(3, 0.6))
	r.keepBest(report(1.9, 0.4))
	if hello, many := r.Workloads[0].Ratio, r.Workloads[1].Ratio; hello != 1.9 || many != 0.6 {
		t.Errorf("got %v and %v, want the least latency and the most throughput", hello, many)
	}
}

func TestSavedRatiosAreChecked(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "baseline.json")
	old := `[{"layout": "one", "sync": "1m", "ratios": {"gone": 1}}, {"layout": "four", "sync": "always", "ratios": {"hello": 1.5}}]`
	if err := os.WriteFile(file, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	o := tiny(OneProcess)
	o.Only = []string{"query"}
	if _, err := Save(t.Context(), o, file); err != nil {
		t.Fatal(err)
	}
	all, err := readBaselines(file)
	if err != nil || len(all) != 2 || all[0].Layout != FourProcesses || len(all[1].Ratios) != 1 || all[1].Ratios["query"] <= 0 {
		t.Fatalf("got %+v, %v, want both layouts, each once", all, err)
	}
	o.Sync = "2m"
	if _, err := Check(t.Context(), o, file); err == nil || !strings.Contains(err.Error(), "no ratios of layout one with sync 2m") {
		t.Errorf("a setting that was not saved was compared: %v", err)
	}
	o.Sync = "1m"
	// Nothing is a hundred times faster than it was.
	text := `[{"layout": "one", "sync": "1m", "ratios": {"query": 0.01}}]`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Check(t.Context(), o, file)
	if err == nil || !strings.Contains(err.Error(), "query, from 0.010 to ") || r == nil || len(r.Changes) != 1 || r.Changes[0].Met {
		t.Errorf("got %+v, %v, want a regression", r, err)
	}
}

// The committed file covers what make bench-check runs.
func TestCommittedBaseline(t *testing.T) {
	t.Parallel()
	all, err := readBaselines("baseline.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, sync := range []string{"always", "100ms"} {
		i := slices.IndexFunc(all, func(b Baseline) bool { return b.Layout == OneProcess && b.Sync == sync })
		if i < 0 || all[i].Ratios["hello"] <= 0 || all[i].Ratios["hello throughput"] <= 0 {
			t.Errorf("no ratios with sync %s", sync)
		}
	}
}
