package traffic_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
)

func TestMain(m *testing.M) { rig.Main(m) }

// The whole load against a node that nobody harms breaks no promise.
func TestLoad(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, func(o *orchestrator.Options) { o.Shards = 4 })
	ledger := t.TempDir()
	ready, ended := make(chan struct{}, 2), make(chan error, 2)
	for _, name := range []string{"ada", "bob"} {
		w := traffic.Worker(e.Conn(), rig.Queue, name, ledger, rig.Logger(t),
			worker.Grace(time.Second), worker.OnReady(func() { ready <- struct{}{} }))
		go func() { ended <- w.Run(t.Context()) }()
	}
	t.Cleanup(func() {
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	<-ready
	<-ready
	runs := 200
	if testing.Short() {
		runs = 60
	}
	r, err := traffic.Run(t.Context(), traffic.Options{
		Conns: []*nats.Conn{e.Conn()}, Queue: rig.Queue, Runs: runs, InFlight: 20, Seed: 1, LedgerDir: ledger,
	})
	if err != nil {
		t.Fatal(err)
	}
	violations, err := traffic.Check(t.Context(), e.Conn(), r)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range violations {
		t.Error(v)
	}
	t.Logf("%d scripts, %d calls, undecided: %v, p50 %s, p99 %s",
		len(r.Ran), len(r.Calls), r.Undecided, r.Quantile(0.5, 0, r.Took), r.Quantile(0.99, 0, r.Took))
}
