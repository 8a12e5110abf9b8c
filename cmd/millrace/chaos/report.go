package chaos

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic/verdict"
)

// Report is what came of the faults. Its JSON form is stable.
type Report struct {
	Seed     uint64  `json:"seed"`
	InFlight int     `json:"in_flight"`
	Machine  Machine `json:"machine"`
	Faults   []Line  `json:"faults"`
}

// Machine is where it was tried.
type Machine struct {
	CPUs int    `json:"cpus"`
	OS   string `json:"os"`
	Arch string `json:"arch"`
	Go   string `json:"go"`
}

// Line is what came of one fault.
type Line struct {
	Fault string `json:"fault"`
	About string `json:"about"`
	// Runs are the workflows of the load, Calls what clients asked for, and Injections how often the fault struck.
	Runs       int `json:"runs"`
	Calls      int `json:"calls"`
	Injections int `json:"injections"`
	// Lost is how much of what had been acknowledged was lost. It is among the violations, too.
	Lost       int                 `json:"lost"`
	Violations []traffic.Violation `json:"violations"`
	// Undecided are the workflows of which nobody found out in time whether what their clients saw makes sense.
	Undecided []string `json:"undecided,omitempty"`
	// Stuck are the times that shards did not go on within a minute.
	Stuck []string `json:"stuck,omitempty"`
	// Recoveries is how often it was measured how long it took until work went on, and P50 and P99 how long that was: of shards, or for
	// faults of workers of the activities that they had in hand.
	Recoveries int     `json:"recoveries"`
	P50        float64 `json:"recovery_p50_ms"`
	P99        float64 `json:"recovery_p99_ms"`
	// Normal and During are the 99th percentiles of the clients' calls while no fault was felt and while one was.
	Normal float64 `json:"calls_p99_normal_ms"`
	During float64 `json:"calls_p99_during_ms"`
	// Skipped is why the fault was not tried: what is missing on this machine.
	Skipped string `json:"skipped,omitempty"`
	// Took is how long the trial took, in seconds.
	Took float64 `json:"took_s"`
}

// ok reports whether every promise was kept.
func (l *Line) ok() bool {
	return l.Skipped != "" || len(l.Violations) == 0 && len(l.Stuck) == 0 && l.Injections > 0
}

// String says in a line what came of the fault.
func (l *Line) String() string {
	if l.Skipped != "" {
		return fmt.Sprintf("%s: skipped, since %s", l.Fault, l.Skipped)
	}
	return fmt.Sprintf("%s: %d runs, struck %d times, %d lost, %d violations, in %.0f s",
		l.Fault, l.Runs, l.Injections, l.Lost, len(l.Violations)+len(l.Stuck), l.Took)
}

// Skipped is how many faults could not be tried.
func (r *Report) Skipped() (n int) {
	for _, l := range r.Faults {
		if l.Skipped != "" {
			n++
		}
	}
	return n
}

// Broken says which promises were broken, a sentence each.
func (r *Report) Broken() []string {
	var all []string
	for _, l := range r.Faults {
		for _, v := range l.Violations {
			all = append(all, l.Fault+": "+v.String())
		}
		for _, s := range l.Stuck {
			all = append(all, l.Fault+": "+s)
		}
		if l.Injections == 0 && l.Skipped == "" {
			all = append(all, l.Fault+": the load was over before the first fault")
		}
	}
	return all
}

// judge fills in what the load and its judge say.
func (l *Line) judge(r *traffic.Report, found []traffic.Violation, all []struck, recovers []time.Duration) {
	l.Runs, l.Calls, l.Injections, l.Undecided = len(r.Ran), len(r.Calls), len(all), r.Undecided
	for _, v := range found {
		l.Violations = append(l.Violations, v)
		if v.Invariant == verdict.Kept {
			l.Lost++
		}
	}
	l.recovery(recovers)
	var normal, during []time.Duration
	for _, c := range r.Calls {
		if c.Op == verdict.OpWait { // as long as its workflow
			continue
		}
		begun, ended := r.Began.Add(c.Begun), r.Began.Add(c.Ended)
		felt := func(s struck) bool { return begun.Before(s.until) && ended.After(s.from) }
		if slices.ContainsFunc(all, felt) {
			during = append(during, c.Took())
		} else {
			normal = append(normal, c.Took())
		}
	}
	l.Normal, l.During = ms(quantile(normal, 0.99)), ms(quantile(during, 0.99))
}

func (l *Line) recovery(took []time.Duration) {
	l.Recoveries, l.P50, l.P99 = len(took), ms(quantile(took, 0.5)), ms(quantile(took, 0.99))
}

// redelivered fills in how long the activities waited that a worker had in hand when it was struck.
func (l *Line) redelivered(notes []verdict.Note, all []struck) {
	var gaps []time.Duration
	for _, s := range all {
		if s.Worker != "" {
			gaps = append(gaps, traffic.Redelivered(notes, s.Worker, s.from)...)
		}
	}
	if len(gaps) > 0 {
		l.recovery(gaps)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

var columns = []string{
	"fault", "runs", "calls", "injections", "lost", "violations", "recovery p50", "p99", "calls p99 normal", "during",
}

func (l *Line) cells() []string {
	recovery := []string{"", ""}
	if l.Recoveries > 0 {
		recovery = []string{seconds(l.P50), seconds(l.P99)}
	}
	return []string{
		l.Fault, strconv.Itoa(l.Runs), strconv.Itoa(l.Calls), strconv.Itoa(l.Injections), strconv.Itoa(l.Lost),
		strconv.Itoa(len(l.Violations) + len(l.Stuck)), recovery[0], recovery[1], seconds(l.Normal), seconds(l.During),
	}
}

func seconds(ms float64) string { return fmt.Sprintf("%.2f s", ms/1000) }

// Print writes the report for a person.
func (r *Report) Print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(cells []string) {
		for _, c := range cells {
			fmt.Fprint(t, c, "\t")
		}
		fmt.Fprintln(t)
	}
	row(columns)
	for _, l := range r.Faults {
		if l.Skipped == "" {
			row(l.cells())
		}
	}
	t.Flush()
	for _, l := range r.Faults {
		if l.Skipped != "" {
			fmt.Fprintln(w, "\n"+l.String())
		}
	}
	fmt.Fprintln(w, "\nseed", r.Seed)
	for _, s := range r.Broken() {
		fmt.Fprintln(w, "\nbroken:", s)
	}
}
