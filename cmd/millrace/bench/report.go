package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Print writes the report for a person.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "layout: %s, sync %s\n\n", r.Layout, r.Sync)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "floor\tp50 ms\t")
	fmt.Fprintf(t, "core request\t%.3f\t\n", r.Floor.Request)
	fmt.Fprintf(t, "compare-and-set publish\t%.3f\t\n", r.Floor.CAS)
	fmt.Fprintf(t, "durable hop\t%.3f\t\n", r.Floor.Hop)
	fmt.Fprintf(t, "hello = 3 hops + 2 publishes + 2 requests\t%.3f\t\n", r.Floor.Hello)
	_ = t.Flush()
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "workload\tn\tin flight\tp50 ms\tp95 ms\tp99 ms\tper second\tp50 / floor\tp95 / floor\tp99 / floor\t")
	for _, l := range r.Workloads {
		fmt.Fprintf(t, "%s\t%d\t%d\t%.2f\t%.2f\t%.2f\t%.0f\t%s\t%s\t%s\t\n", l.Name, l.N, l.InFlight, l.P50, l.P95, l.P99,
			l.PerSec, ratio(l.P50, l.Floor), ratio(l.P95, l.Floor), ratio(l.P99, l.Floor))
	}
	_ = t.Flush()
}

func ratio(v, floor float64) string {
	if floor == 0 {
		return ""
	}
	return fmt.Sprintf("%.2fx", v/floor)
}
