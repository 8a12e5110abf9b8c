package engine

import (
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Gathered is what [Gather] has come to: how many words it got, in how many runs, and how large the histories of those were when they ended.
type Gathered struct {
	Words, Runs int
	Sizes       []int64
}

// Gather counts words until one is empty, and begins a new run whenever its history has become long.
func Gather(ctx workflow.Context, g Gathered) (Gathered, error) {
	g.Runs++
	for {
		text, err := workflow.Receive(ctx, word)
		if err != nil || text == "" {
			return g, err
		}
		g.Words++
		if info := workflow.GetInfo(ctx); info.SuggestContinueAsNew {
			g.Sizes = append(g.Sizes, info.HistorySize)
			return g, workflow.ContinueAsNew(ctx, Gather, g)
		}
	}
}

// A long history suggests a new run, also to code that is replayed at each step.
func TestSuggestContinueAsNew(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Gather), worker.CacheSize(0))
	run := rig.Run(t, e, Gather, Gathered{}, client.ID("words"))
	const words, size = 25, 220 << 10
	for range words {
		check(t, client.Signal(t.Context(), e.Client(), "words", word, strings.Repeat("x", size)))
	}
	check(t, client.Signal(t.Context(), e.Client(), "words", word, ""))
	got := rig.Result(t, run)
	if got.Words != words || got.Runs != 2 || len(got.Sizes) != 1 {
		t.Fatalf("got %+v", got)
	}
	for _, n := range got.Sizes {
		if n <= protocol.SuggestBytes || n > protocol.SuggestBytes+2*size {
			t.Errorf("a new run began when the history had %d bytes", n)
		}
	}
}
