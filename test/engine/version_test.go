package engine

import (
	"slices"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// build is a version of the workers' code: its workflow receives two words, and says by which version.
type build string

func (b build) Collect(ctx workflow.Context, _ struct{}) ([]string, error) {
	var words []string
	for range 2 {
		w, err := workflow.Receive(ctx, word)
		if err != nil {
			return nil, err
		}
		words = append(words, w+" in "+string(b))
	}
	return words, nil
}

// work runs a worker of this version. Its workflow is registered twice: once pinned, once not.
func (b build) work(t *testing.T, e *rig.Engine) (stop func()) {
	t.Helper()
	return e.Work(t, worker.Version(string(b)),
		worker.Workflow(b.Collect, worker.Named("stays"), worker.Pinned()), worker.Workflow(b.Collect, worker.Named("moves")))
}

func promote(t *testing.T, e *rig.Engine, b build) {
	t.Helper()
	if _, err := e.Client().Promote(t.Context(), rig.Queue, string(b)); err != nil {
		t.Fatal(err)
	}
}

func startNamed(t *testing.T, e *rig.Engine, name string, opts ...client.StartOption) *client.Run[[]string] {
	t.Helper()
	run, err := client.StartNamed[[]string](t.Context(), e.Client(), name, struct{}{}, append(opts, client.Queue(rig.Queue))...)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// A deploy: version 2 is made current while runs of version 1 are open. The pinned one stays where it is, the other one moves, and a new
// run begins with version 2.
func TestVersions(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	stopFirst := build("1").work(t, e)
	stays, moves := startNamed(t, e, "stays"), startNamed(t, e, "moves")
	signals(t, e, stays.ID(), "a")
	signals(t, e, moves.ID(), "a")
	build("2").work(t, e)
	promote(t, e, "2")
	begins := startNamed(t, e, "stays")
	signals(t, e, begins.ID(), "a", "b")
	signals(t, e, moves.ID(), "b")

	versions, err := e.Client().Versions(t.Context(), rig.Queue)
	want := []protocol.Version{{Version: "2", Workers: 1}, {Version: "1", Workers: 1, Open: 1}}
	rig.Until(t, "the rows of the runs", func() bool {
		versions, err = e.Client().Versions(t.Context(), rig.Queue)
		return err != nil || slices.Equal(versions.Versions, want)
	})
	if err != nil || versions.Current != "2" {
		t.Errorf("version %q is current, %v, want 2", versions.Current, err)
	}
	stopFirst() // and its cache with it: whoever goes on replays
	build("1").work(t, e)
	signals(t, e, stays.ID(), "b")
	for run, want := range map[*client.Run[[]string]][]string{
		stays: {"a in 1", "b in 1"}, moves: {"a in 2", "b in 2"}, begins: {"a in 2", "b in 2"},
	} {
		if got := rig.Result(t, run); !slices.Equal(got, want) {
			t.Errorf("the run received %q, want %q", got, want)
		}
	}
}

// A run whose version nobody runs waits for it, however many others there are.
func TestPinnedRunWaitsForItsVersion(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	build("2").work(t, e)
	run := startNamed(t, e, "stays", client.PinTo("1"))
	signals(t, e, run.ID(), "a", "b")
	d, err := e.Client().Describe(t.Context(), run.ID())
	if err != nil || d.Task == nil || d.Task.Failure != nil {
		t.Errorf("the run's step is %+v, %v, want it to wait", d.Task, err)
	}
	build("1").work(t, e)
	if got, want := rig.Result(t, run), []string{"a in 1", "b in 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
