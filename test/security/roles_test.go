package security

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/jetstream/backup"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func namespaceOf(name string) protocol.Namespace { return protocol.Namespace(name) }

var (
	finish = workflow.NewSignal[string]("finish")
	change = workflow.NewUpdate[string, string]("change")
	status = workflow.NewQuery[string, string]("status")
	remote = workflow.NewActivity[string, string]("remote")
)

// everything does whatever a workflow can do, on two queues.
func everything(ctx workflow.Context, in string) (string, error) {
	state := "waits"
	workflow.HandleQuery(ctx, status, func(q string) (string, error) { return q + state, nil })
	workflow.HandleUpdate(ctx, change, func(_ workflow.Context, s string) (string, error) { return s + in, nil })
	if err := workflow.UpsertMemo(ctx, map[string]any{"what": "everything"}); err != nil {
		return "", err
	}
	if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
		return "", err
	}
	told, err := workflow.Receive(ctx, finish)
	if err != nil {
		return "", err
	}
	tried, err := workflow.Do(ctx, twice, told, workflow.Retry(workflow.RetryPolicy{InitialInterval: workflow.Duration(time.Millisecond)}))
	if err != nil {
		return "", err
	}
	there, err := remote.Do(ctx, tried, workflow.Queue("q2"))
	if err != nil {
		return "", err
	}
	child, err := workflow.DoChild(ctx, leaf, there)
	if err != nil {
		return "", err
	}
	session, err := workflow.CreateSession(ctx)
	if err != nil {
		return "", err
	}
	defer workflow.CompleteSession(session)
	return workflow.Do(session, echo, child)
}

// late waits for an activity whose result comes from elsewhere.
func late(ctx workflow.Context, in string) (string, error) { return workflow.Do(ctx, pending, in) }

func pending(context.Context, string) (string, error) { return "", activity.ErrResultPending }

func leaf(_ workflow.Context, in string) (string, error) { return in, nil }

func echo(_ context.Context, in string) (string, error) { return in, nil }

// twice fails once, and leaves word for its next attempt.
func twice(ctx context.Context, in string) (string, error) {
	if activity.Info(ctx).Attempt == 1 {
		if err := activity.Heartbeat(ctx, "was here"); err != nil {
			return "", err
		}
		return "", errors.New("not yet")
	}
	if told, ok, err := activity.HeartbeatDetails[string](ctx); err != nil || !ok || told != "was here" {
		return "", activity.Terminal(fmt.Errorf("the heartbeat says %q, %v, %w", told, ok, err))
	}
	return in, nil
}

// Each role can do its job with what the template gives it, and is refused nothing on the way.
func TestRolesCanDoTheirJobs(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.node("orchestrator", "default")
	stop := h.work("worker-q1", "q1", worker.Workflow(everything), worker.Workflow(leaf), worker.Workflow(late), worker.Activity(pending), worker.Activity(twice), worker.Activity(echo),
		worker.Sessions(2), worker.Identity("w1"), worker.Version("v1"), worker.CacheSize(10))
	h.work("second", "q2", worker.Activity(echo, worker.Named("remote")))
	c := h.client("client")
	large := strings.Repeat("large ", 60_000)
	run, err := client.Start(t.Context(), c, everything, "in", client.Memo(map[string]any{"who": "client"}))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := client.Query(t.Context(), c, run.ID(), status, "it "); err != nil || got != "it waits" {
			t.Errorf("the query says %q, %v", got, err)
		}
	}
	if got, err := client.Update(t.Context(), c, run.ID(), change, "now "); err != nil || got != "now in" {
		t.Errorf("the update says %q, %v", got, err)
	}
	if err := client.Signal(t.Context(), c, run.ID(), finish, large); err != nil {
		t.Fatal(err)
	}
	if got, err := run.Wait(t.Context()); err != nil || got != large {
		t.Errorf("got %.20q, %v", got, err)
	}
	watch(t, h, run.ID())
	steer(t, c)
	complete(t, h)
	keep(t, h)
	stop()
	h.nothingRefused()
}

// keep is the job of a keeper.
func keep(t *testing.T, h *house) {
	t.Helper()
	store, err := jetstream.Open(t.Context(), h.as("keeper"), protocol.DefaultNamespace)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "backup")
	if _, err := backup.Write(t.Context(), store, dir, nil); err != nil {
		t.Error(err)
	}
	if _, err := backup.Read(dir); err != nil {
		t.Error(err)
	}
}

// watch is the job of an observer.
func watch(t *testing.T, h *house, id string) {
	t.Helper()
	c := h.client("observer")
	if d, err := c.Describe(t.Context(), id); err != nil || d.Status != protocol.StatusCompleted {
		t.Errorf("the observer sees %v, %v", d.Status, err)
	}
	events := 0
	for _, err := range c.History(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		events++
	}
	if events == 0 {
		t.Error("the observer sees no history")
	}
	if w, err := c.Workers(t.Context(), ""); err != nil || len(w) != 2 {
		t.Errorf("the observer sees the workers %v, %v", w, err)
	}
	rig.Until(t, "the row of the run", func() bool {
		for row, err := range c.List(t.Context(), protocol.ListRequest{Status: protocol.StatusCompleted}) {
			if err == nil && row.ID == id {
				return true
			}
		}
		return false
	})
	if got, err := client.Get[string](c, id, "").Wait(t.Context()); err != nil || got == "" {
		t.Errorf("the observer sees the result %.20q, %v", got, err)
	}
}

// complete is the job of a client that ends activities whose result comes from elsewhere.
func complete(t *testing.T, h *house) {
	t.Helper()
	c := h.client("finisher")
	run, err := client.Start(t.Context(), c, late, "in")
	if err != nil {
		t.Fatal(err)
	}
	var token string
	rig.Until(t, "the activity", func() bool {
		token, err = c.ActivityToken(t.Context(), run.ID(), "1")
		return err == nil
	})
	rig.Until(t, "its completion", func() bool {
		_, err := c.HeartbeatActivity(t.Context(), token, "half")
		return err == nil && c.CompleteActivity(t.Context(), token, "done") == nil
	})
	if got, err := run.Wait(t.Context()); err != nil || got != "done" {
		t.Errorf("got %q, %v", got, err)
	}
}

// steer is what else clients do to workflows.
func steer(t *testing.T, c *client.Client) {
	t.Helper()
	for what, do := range map[string]func(id string) error{
		"cancel":    func(id string) error { return c.Cancel(t.Context(), id) },
		"terminate": func(id string) error { return c.Terminate(t.Context(), id) },
		"pause": func(id string) error {
			return errors.Join(c.Pause(t.Context(), id), c.Unpause(t.Context(), id), c.Terminate(t.Context(), id))
		},
	} {
		if _, err := client.Start(t.Context(), c, everything, what, client.ID(what)); err != nil {
			t.Fatal(err)
		}
		if err := do(what); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
