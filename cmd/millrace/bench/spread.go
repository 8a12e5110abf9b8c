package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// spreadWidth is how many columns a histogram has.
const spreadWidth = 48

// levels are the heights of a column. What is not empty is seen.
var levels = []rune("▁▂▃▄▅▆▇█")

// spread draws how a sorted series is spread, in a line: a column for each part of the time from the fastest to the 99th percentile. What
// is slower is in the last column.
func spread(series []time.Duration) string {
	if len(series) == 0 {
		return ""
	}
	low, high := series[0], statsOf(series).P99
	var counts [spreadWidth]int
	most := 0
	for _, d := range series {
		i := 0
		if high > low {
			i = min(int(int64(d-low)*spreadWidth/int64(high-low)), spreadWidth-1)
		}
		counts[i]++
		most = max(most, counts[i])
	}
	var b strings.Builder
	for _, n := range counts {
		if n == 0 {
			b.WriteRune('·')
			continue
		}
		b.WriteRune(levels[(n*len(levels)-1)/most])
	}
	return b.String()
}

// spreads draws the histograms of all workloads below each other.
func (r *Report) spreads(w io.Writer) {
	width := 0
	for _, x := range r.Workloads {
		width = max(width, len(x.Name))
	}
	for _, x := range r.Workloads {
		if n := len(x.stats.series); n > 0 {
			fmt.Fprintf(w, "%-*s  %9s ms %s %s ms\n", width, x.Name, figure(ms(x.stats.series[0])), spread(x.stats.series), figure(x.P99))
		}
	}
}
