package bench_test

import (
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/cmd/millrace/bench"
	"github.com/millrace-dev/millrace/test/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

// The bench measures the floor and the engine in one run and prints their ratio. What the ratio is depends on the machine's mood, so
// it is looked at and not tested.
func TestRun(t *testing.T) {
	t.Parallel()
	r, err := bench.Run(t.Context(), bench.Options{N: 5, Load: 10, InFlight: 5, Sync: "1m", Progress: func(string, int, int) {}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Floor.Hello <= 0 || len(r.Workloads) != 2 || r.Workloads[0].P50 < r.Floor.Request {
		t.Errorf("the report is %+v", r)
	}
	var out strings.Builder
	r.Print(&out)
	for _, want := range []string{"p50 / floor", "hello throughput", "per second"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, out.String())
		}
	}
}
