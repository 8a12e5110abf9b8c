package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Print writes the report for a person.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "layout: %s, sync %s\n\n", layoutText[r.Layout], r.Sync)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "the broker's floor\t\t")
	fmt.Fprintf(t, "core request\t%.3f ms\t\n", r.Floor.Request)
	fmt.Fprintf(t, "compare-and-set publish\t%.3f ms\t\n", r.Floor.CAS)
	fmt.Fprintf(t, "durable hop\t%.3f ms\t\n", r.Floor.Hop)
	fmt.Fprintf(t, "hello: 3 hops, 2 publishes, 2 requests\t%.3f ms\t\n", r.Floor.Hello)
	fmt.Fprintf(t, "hops, many at once\t%.0f /s\t\n", r.Floor.Hops)
	fmt.Fprintf(t, "publishes, many at once\t%.0f /s\t\n", r.Floor.Publishes)
	_ = t.Flush()
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "workload\tn\tin flight\tp50 ms\tp95 ms\tp99 ms\tper second\tfloor\tratio\trequired\tp99 ratio\t")
	for _, l := range r.Workloads {
		floor, p99 := fmt.Sprintf("%.3f ms", l.Floor), fmt.Sprintf("%.2f", l.P99/l.Floor)
		if l.many() {
			floor, p99 = fmt.Sprintf("%.0f /s", l.Floor), ""
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%.2f\t%.2f\t%.2f\t%.0f\t%s\t%.2f\t%s\t%s\t\n", l.Name, l.N, l.InFlight, l.P50, l.P95, l.P99,
			l.PerSec, floor, l.Ratio, l.bound(), p99)
	}
	_ = t.Flush()
	r.printLimits(w)
	for _, l := range r.Workloads {
		fmt.Fprintf(w, "\n%s\n", l.Name)
		histogram(w, l.stats.series)
	}
}

var layoutText = map[string]string{
	OneProcess: "one process, connections without sockets", FourProcesses: "four processes, TCP loopback",
	ThreeServers: "three servers, three copies of each stream, TCP loopback",
}

// bound is the required ratio, with a sign that says whether it is met.
func (w Workload) bound() string {
	switch {
	case w.Required == 0:
		return ""
	case w.many() && w.Ratio >= w.Required:
		return fmt.Sprintf(">= %.1f", w.Required)
	case !w.many() && w.Ratio <= w.Required:
		return fmt.Sprintf("<= %.1f", w.Required)
	}
	return fmt.Sprintf("missed %.1f", w.Required)
}

// histogram draws how a sorted series is spread: ten bars of equal width, the last of which holds whatever is slower.
func histogram(w io.Writer, series []time.Duration) {
	const bars, width = 10, 50
	if len(series) == 0 {
		return
	}
	low, high := series[0], series[len(series)*95/100]
	step := max((high-low)/(bars-1), time.Microsecond)
	var counts [bars]int
	most := 0
	for _, d := range series {
		i := min(int((d-low)/step), bars-1)
		counts[i]++
		most = max(most, counts[i])
	}
	for i, n := range counts {
		from := low + time.Duration(i)*step
		fmt.Fprintf(w, "%9.2f ms %s %d\n", ms(from), strings.Repeat("#", (n*width+most-1)/most), n)
	}
}
