package fleet_test

import (
	"testing"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fleet"
	"github.com/millrace-dev/millrace/orchestrator/client"
)

func greet(t *testing.T, f *fleet.Fleet) {
	t.Helper()
	nc, err := f.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c, err := client.New(nc, client.DefaultQueue("chaos"))
	if err != nil {
		t.Fatal(err)
	}
	run, err := client.Start(t.Context(), c, Greet, "Ada")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := run.Wait(t.Context()); got != "Hello Ada" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// A fleet works, and works again after all of it was killed.
func TestFleet(t *testing.T) {
	t.Parallel()
	f := start(t, fleet.Options{})
	began := time.Now()
	greet(t, f)
	t.Log("greeted", time.Since(began))
	for _, p := range f.Processes() {
		p.Kill()
	}
	began = time.Now()
	if err := f.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Log("restored", time.Since(began))
	greet(t, f)
	if err := f.Check(); err != nil {
		t.Error(err)
	}
}
