package bench

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// upTo is 1 ms, 2 ms ... n ms, the slowest first.
func upTo(n int) []time.Duration {
	series := make([]time.Duration, n)
	for i := range series {
		series[i] = time.Duration(n-i) * time.Millisecond
	}
	return series
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ n, p50, p95, p99 int }{{1, 1, 1, 1}, {2, 2, 2, 2}, {4, 3, 4, 4}, {100, 51, 96, 100}, {1000, 501, 951, 991}} {
		got := statsOf(upTo(c.n))
		if got.N != c.n || int(ms(got.P50)) != c.p50 || int(ms(got.P95)) != c.p95 || int(ms(got.P99)) != c.p99 {
			t.Errorf("of %d: got %d, %v, %v and %v, want %+v", c.n, got.N, got.P50, got.P95, got.P99, c)
		}
		if !slices.IsSorted(got.series) {
			t.Errorf("of %d: the series is not sorted", c.n)
		}
	}
	if got := statsOf(nil); got.N != 0 || got.P99 != 0 {
		t.Errorf("of none: got %+v", got)
	}
}

func TestRatiosAreJudged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		w              Workload
		met            bool
		bound, verdict string
	}{
		// The series is 1 to 100 ms: p50 51 ms, p99 100 ms.
		{"below", Workload{InFlight: 1, Floor: 30, Required: 1.8}, true, "<= 1.8", "met"},
		{"above", Workload{InFlight: 1, Floor: 28, Required: 1.8}, false, "<= 1.8", "missed"},
		{"tail", Workload{InFlight: 1, Floor: 30, Required: 1.8, RequiredP99: 4}, true, "<= 1.8, p99 <= 4.0", "met"},
		{"long tail", Workload{InFlight: 1, Floor: 30, Required: 1.8, RequiredP99: 3}, false, "<= 1.8, p99 <= 3.0", "missed by p99"},
		{"fast", Workload{InFlight: 9, Floor: 100, PerSec: 51, Required: 0.5}, true, ">= 0.5", "met"},
		{"slow", Workload{InFlight: 9, Floor: 100, PerSec: 49, Required: 0.5}, false, ">= 0.5", "missed"},
		{"free", Workload{InFlight: 1, Floor: 1}, true, "", ""},
	} {
		c.w.judge(statsOf(upTo(100)))
		if c.w.Met != c.met || c.w.bound() != c.bound || c.w.verdict() != c.verdict {
			t.Errorf("%s: got %v, %q, %q, want %v, %q, %q", c.name, c.w.Met, c.w.bound(), c.w.verdict(), c.met, c.bound, c.verdict)
		}
	}
}

func TestLimitsAreJudged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		l              Limit
		bound, verdict string
	}{
		{Limit{Value: 60, Required: 60}, "<= 60.0", "met"},
		{Limit{Value: 61, Required: 60}, "<= 60.0", "missed"},
		{Limit{Value: 2e6, Required: 1e6, AtLeast: true}, ">= 1,000,000", "met"},
		{Limit{Value: 9e5, Required: 1e6, AtLeast: true}, ">= 1,000,000", "missed"},
		{Limit{Value: 9e5}, "", ""},
	} {
		if c.l.bound() != c.bound || c.l.verdict() != c.verdict {
			t.Errorf("%+v: got %q, %q, want %q, %q", c.l, c.l.bound(), c.l.verdict(), c.bound, c.verdict)
		}
	}
}

func TestGrowthIsComparedWithTheFirstPoint(t *testing.T) {
	t.Parallel()
	points := compared([]Point{
		{Ratio: 2, RatioPerSec: 1, Required: flat},
		{Ratio: 2.2, RatioPerSec: 0.9, Required: flat},
		{Ratio: 2.5, RatioPerSec: 2, Required: flat},
		{RatioPerSec: 0.5},
	})
	for i, want := range []struct {
		percent int
		met     bool
	}{{0, true}, {11, true}, {25, false}, {100, true}} {
		if p := points[i]; int(100*p.Change+0.5) != want.percent || p.Met != want.met {
			t.Errorf("point %d: got %+v, want %+v", i, p, want)
		}
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	even := spread(statsOf(upTo(9600)).series)
	if n := len([]rune(even)); n != spreadWidth || strings.Trim(even, "▅▆▇█") != "" { // the last one has the slowest as well
		t.Errorf("an even series is %q, want %d full columns", even, spreadWidth)
	}
	few := []rune(spread(statsOf(upTo(2)).series))
	if few[0] != '█' || few[spreadWidth-1] != '█' || strings.Trim(string(few[1:spreadWidth-1]), "·") != "" {
		t.Errorf("two values are %q, want one at each end", string(few))
	}
	slow := append(upTo(1000), time.Hour)
	if got := []rune(spread(statsOf(slow).series)); strings.ContainsRune(string(got), '·') {
		t.Errorf("one slow value of 1,001 spoils the picture: %q", string(got))
	}
	same := spread([]time.Duration{5, 5, 5})
	if !strings.HasPrefix(same, "█·") || strings.Count(same, "█") != 1 {
		t.Errorf("equal values are %q, want one column", same)
	}
	if got := spread(nil); got != "" {
		t.Errorf("no values are %q, want nothing", got)
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0.0123: "0.012", 1.234: "1.23", 12.34: "12.3", 99.96: "100.0", 123.4: "123", 1234.5: "1,235", 1e6: "1,000,000",
	} {
		if got := figure(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}

func TestSheet(t *testing.T) {
	t.Parallel()
	s := &sheet{head: []string{"what", "ms"}}
	s.add("hällo", "1.2")
	s.add("x", "100")
	var text, table strings.Builder
	s.text(&text)
	s.markdown(&table)
	if want := "what    ms\nhällo  1.2\nx      100\n"; text.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &text, want)
	}
	if want := "| what | ms |\n|---|---:|\n| hällo | 1.2 |\n| x | 100 |\n"; table.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &table, want)
	}
}

// A chain is long enough to meet the slow messages, and so is its floor.
func TestFloorIsTheMedianOfTheSum(t *testing.T) {
	t.Parallel()
	series := make([]time.Duration, 100) // nine in ten take 1 ms, the others 11 ms: 2 ms in the mean
	for i := range series {
		series[i] = time.Millisecond
		if i%10 == 0 {
			series[i] = 11 * time.Millisecond
		}
	}
	s := statsOf(series)
	f := Floor{Request: s, CAS: s, Hop: s}
	if got := f.of(bareQuery); got != time.Millisecond {
		t.Errorf("one message takes %v, want the median", got)
	}
	if got := f.of(bare{hops: 50, publishes: 25, requests: 25}).Round(10 * time.Millisecond); got != 200*time.Millisecond {
		t.Errorf("a hundred messages take %v, want about 100 times the mean", got)
	}
	if got, want := bareActivity.times(10), (bare{20, 10, 10}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
