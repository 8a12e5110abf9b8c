package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/millrace-dev/millrace/protocol"
)

// Baseline is what the ratios of a layout were. A file holds one for each layout and setting that it was saved for.
type Baseline struct {
	Layout string             `json:"layout"`
	Sync   string             `json:"sync"`
	Ratios map[string]float64 `json:"ratios"`
}

// Change is a workload's ratio beside what it was.
type Change struct {
	Name string  `json:"name"`
	Was  float64 `json:"was"`
	Now  float64 `json:"now"`
	// Worse is how many times worse the ratio is, also where more is better.
	Worse float64 `json:"worse"`
	Met   bool    `json:"met"`
}

const (
	// worst is how many times worse a ratio may become.
	worst = 1.25
	// again is how often everything is measured once more before a workload is called worse.
	again = 2
)

// Save measures three times and stores the medians of the ratios in a file, beside those of other layouts.
func Save(ctx context.Context, o Options, file string) (*Report, error) {
	all, err := readBaselines(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var last *Report
	ratios := map[string][]float64{}
	for range 3 {
		if last, err = Run(ctx, o); err != nil {
			return nil, err
		}
		for _, w := range last.Workloads {
			ratios[w.Name] = append(ratios[w.Name], w.Ratio)
		}
	}
	b := Baseline{Layout: last.Layout, Sync: last.Sync, Ratios: map[string]float64{}}
	for name, series := range ratios {
		slices.Sort(series)
		b.Ratios[name] = float64(int(series[len(series)/2]*1000+0.5)) / 1000
	}
	all = slices.DeleteFunc(all, func(x Baseline) bool { return x.Layout == b.Layout && x.Sync == b.Sync })
	data, err := json.MarshalIndent(append(all, b), "", "  ")
	if err != nil {
		return nil, err
	}
	return last, os.WriteFile(file, append(data, '\n'), 0o644) //nolint:gosec // for everybody to read
}

// Check measures and compares with a file that [Save] wrote. If a workload looks worse by more than a quarter, everything is measured
// again, twice at most, and the best ratios count: what other programs do to the machine makes a workload worse more often than better.
// If it is still worse, the error names it; the report is there all the same.
func Check(ctx context.Context, o Options, file string) (*Report, error) {
	o = o.withDefaults()
	all, err := readBaselines(file)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(b Baseline) bool { return b.Layout == o.Layout && b.Sync == o.Sync })
	if at < 0 {
		return nil, protocol.Errorf(protocol.CodeNotFound, "%s has no ratios of layout %s with sync %s", file, o.Layout, o.Sync).
			WithHint("millrace bench --layout %s --sync %s --save %s", o.Layout, o.Sync, file)
	}
	r, err := Run(ctx, o)
	if err != nil {
		return nil, err
	}
	r.Changes = all[at].compare(r)
	for n := 0; n < again && verdict(r.Changes) != nil; n++ {
		second, err := Run(ctx, o)
		if err != nil {
			return nil, err
		}
		r.keepBest(second)
		r.Changes = all[at].compare(r)
	}
	return r, verdict(r.Changes)
}

func readBaselines(file string) (all []Baseline, err error) {
	data, err := os.ReadFile(file) //nolint:gosec // the user's file
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return all, nil
}

// compare puts each ratio beside what it was.
func (b Baseline) compare(r *Report) []Change {
	var changes []Change
	for _, w := range r.Workloads {
		was, ok := b.Ratios[w.Name]
		if !ok {
			continue
		}
		c := Change{Name: w.Name, Was: was, Now: w.Ratio, Worse: w.Ratio / was}
		if w.many() {
			c.Worse = was / w.Ratio
		}
		c.Met = c.Worse <= worst
		changes = append(changes, c)
	}
	return changes
}

// keepBest takes over what is better in another report.
func (r *Report) keepBest(other *Report) {
	for i := range r.Workloads {
		w := &r.Workloads[i]
		for _, x := range other.Workloads {
			if x.Name == w.Name && (w.many() && x.Ratio > w.Ratio || !w.many() && x.Ratio < w.Ratio) {
				*w = x
			}
		}
	}
}

// verdict is an error that names what became worse.
func verdict(changes []Change) error {
	var worse []string
	for _, c := range changes {
		if !c.Met {
			worse = append(worse, fmt.Sprintf("%s, from %s to %s", c.Name, figure(c.Was), figure(c.Now)))
		}
	}
	if len(worse) == 0 {
		return nil
	}
	return fmt.Errorf("ratios that became worse by more than %.0f %%: %s", 100*(worst-1), strings.Join(worse, "; "))
}

func (r *Report) changeSheet() *sheet {
	s := &sheet{head: []string{"beside the baseline", "was", "is", "worse by", ""}}
	for _, c := range r.Changes {
		v := "regressed"
		if c.Met {
			v = met
		}
		s.add(c.Name, figure(c.Was), figure(c.Now), fmt.Sprintf("%+.0f %%", 100*(c.Worse-1)), v)
	}
	return s
}
