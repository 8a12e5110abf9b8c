package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// diary counts how often the outside is asked.
type diary struct {
	asked  atomic.Int32
	tokens chan string
}

func (d *diary) look() (int32, error) { return d.asked.Add(1), nil }

func (d *diary) Look(context.Context, string) (int32, error) { return d.look() }

// Pend hands its token over.
func (d *diary) Pend(ctx context.Context, _ string) (string, error) {
	d.tokens <- activity.Token(ctx)
	return "", activity.ErrResultPending
}

// Fail fails, and waits for an hour.
func (d *diary) Fail(context.Context, string) (string, error) { return "", errors.New("not yet") }

// Everything writes down whatever can be written down, step by step.
func (d *diary) Everything(ctx workflow.Context, _ struct{}) (string, error) {
	v := workflow.Version(ctx, "change", workflow.DefaultVersion, 2)
	side, err := workflow.SideEffect(ctx, d.look)
	if err != nil {
		return "", err
	}
	if err := workflow.UpsertMemo(ctx, map[string]any{"side": side}); err != nil {
		return "", err
	}
	local, err := workflow.DoLocal(ctx, d.Look, "")
	if err != nil {
		return "", err
	}
	child, cancel := workflow.WithCancel(ctx)
	failing := workflow.Start(child, d.Fail, "", later(time.Hour))
	if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
		return "", err
	}
	mutable, err := workflow.MutableSideEffect(ctx, "eye", d.look)
	if err != nil {
		return "", err
	}
	pended, err := workflow.Do(ctx, d.Pend, "")
	if err != nil {
		return "", err
	}
	cancel()
	if _, err := failing.Get(ctx); !errors.Is(err, workflow.ErrCanceled) {
		return "", fmt.Errorf("the activity that waits ended with %w", err)
	}
	return fmt.Sprint(v, side, local, mutable, " ", pended), nil
}

// The node dies after each of the first records of a run (it has no less than three) that writes down everything there is to write down. Whatever was recorded stays as it
// was, whoever takes the run over.
func TestDeathAfterAnyRecord(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, via way) {
		for n := int32(1); n <= 3; n++ {
			t.Run(strconv.Itoa(int(n)), func(t *testing.T) {
				t.Parallel()
				var records atomic.Int32
				d := &diary{tokens: make(chan string, 10)}
				r := newRelay(t, via, func(*protocol.Record) bool { return records.Add(1) == n },
					worker.Workflow(d.Everything, worker.Pinned()), worker.Activity(d.Look), worker.Activity(d.Pend), worker.Activity(d.Fail),
					worker.Version("build-1"))
				run, err := client.Start(t.Context(), r.client, d.Everything, struct{}{}, client.ID("wf"))
				if err != nil {
					t.Fatal(err)
				}
				if err := r.client.CompleteActivity(t.Context(), <-d.tokens, "done"); err != nil {
					t.Fatal(err)
				}
				// A step that was not recorded may have asked the outside, so the third answer need not be 3.
				got, err := run.Wait(t.Context())
				if err != nil || !strings.HasPrefix(got, "2 1 2 ") || !strings.HasSuffix(got, " done") {
					t.Errorf("got %q, %v", got, err)
				}
				desc, err := r.client.Describe(t.Context(), "wf")
				if err != nil || desc.Version != "build-1" || desc.Memo["side"].String() != "1" {
					t.Errorf("describe shows version %q, memo %v, %v", desc.Version, desc.Memo, err)
				}
			})
		}
	})
}
