package chaos_test

import (
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic/verdict"
)

// A report says what was broken, what was never tried, and what could not be.
func TestReport(t *testing.T) {
	t.Parallel()
	r := chaos.Report{Seed: 7, Faults: []chaos.Line{
		{Fault: "fine", Runs: 10, Injections: 2, Recoveries: 1, P50: 1500, P99: 1500},
		{Fault: "wrong", Runs: 10, Injections: 2, Lost: 1, Violations: []traffic.Violation{{Invariant: verdict.Kept, Seen: "a signal is missing"}}},
		{Fault: "stuck", Runs: 10, Injections: 1, Stuck: []string{"node-1: waited in vain"}},
		{Fault: "quick", Runs: 1},
		{Fault: "elsewhere", Skipped: "this needs a Unix"},
	}}
	broken := strings.Join(r.Broken(), "\n")
	for _, want := range []string{"wrong: kept: ", "a signal is missing", "stuck: node-1: waited in vain", "quick: the load was over before"} {
		if !strings.Contains(broken, want) {
			t.Errorf("what was broken lacks %q:\n%s", want, broken)
		}
	}
	if len(r.Broken()) != 3 || r.Skipped() != 1 {
		t.Errorf("%d are broken and %d skipped, want 3 and 1", len(r.Broken()), r.Skipped())
	}
	var out strings.Builder
	r.Print(&out)
	for _, want := range []string{"1.50 s", "elsewhere: skipped, since this needs a Unix", "seed 7", "broken: wrong: kept"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
}
