package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var (
	approve = workflow.NewSignal[bool]("approve")
	state   = workflow.NewQuery[string, string]("state")
)

// Order waits for its approval.
func Order(ctx workflow.Context, item string) (string, error) {
	now := "waits for approval"
	workflow.HandleQuery(ctx, state, func(string) (string, error) { return now, nil })
	defer func() { now = "sent" }()
	ok, err := workflow.Receive(ctx, approve)
	if err != nil || !ok {
		return "", err
	}
	return "sent " + item, nil
}

// Parcel has a carrier come on a queue that nobody serves.
func Parcel(ctx workflow.Context, item string) (string, error) {
	return workflow.Do(ctx, Carry, item, workflow.Queue("carriers"))
}

// Carry says what it carried, and in which attempt.
func Carry(ctx context.Context, item string) (string, error) {
	return fmt.Sprintf("carried %s in attempt %d", item, activity.Info(ctx).Attempt), nil
}

// questions are the tokens of questions that wait for an answer, and failed says that [Flaky] has failed.
var (
	questions = make(chan string, 1)
	failed    = make(chan struct{}, 1)
)

// Ask hands its token to whoever answers.
func Ask(ctx context.Context, _ string) (string, error) {
	questions <- activity.Token(ctx)
	return "", activity.ErrResultPending
}

// Flaky fails the first time that it is called.
func Flaky(ctx context.Context, item string) (string, error) {
	if activity.Info(ctx).LastFailure == nil {
		failed <- struct{}{}
		return "", errors.New("the shop is closed")
	}
	return fmt.Sprintf("%s in attempt %d", item, activity.Info(ctx).Attempt), nil
}

// Double has nothing to wait for.
func Double(_ workflow.Context, text string) (string, error) { return text + text, nil }

func begin(t *testing.T) (*rig.Engine, *client.Client) {
	t.Helper()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Order), worker.Workflow(Double))
	c, err := client.New(e.Conn(), client.DefaultQueue(rig.Queue), client.Identity("tester"))
	if err != nil {
		t.Fatal(err)
	}
	return e, c
}

// What is wrong with a call is said before anything is sent, with what to do about it.
func TestMistakes(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	if _, err := client.New(e.Conn(), client.Namespace("a b")); protocol.AsError(err) == nil || protocol.AsError(err).Hint == "" {
		t.Errorf("a namespace that is none: %v", err)
	}
	elsewhere, err := client.New(e.Conn(), client.Namespace("elsewhere"), client.DefaultQueue("q"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Start(t.Context(), elsewhere, Double, ""); protocol.AsError(err) == nil || protocol.AsError(err).Hint == "" {
		t.Errorf("a namespace that nobody made: %v", err)
	}
	c := e.Client()
	for name, start := range map[string]func() error{
		"no queue": func() error {
			_, err := client.Start(t.Context(), c, Double, "")
			return err
		},
		"a long ID": func() error {
			_, err := client.Start(t.Context(), c, Double, "", client.Queue("q"), client.ID(strings.Repeat("x", 2000)))
			return err
		},
		"no JSON": func() error {
			_, err := client.StartNamed[string](t.Context(), c, "Double", func() {}, client.Queue("q"))
			return err
		},
		"a memo that is no JSON": func() error {
			memo := client.Memo(map[string]any{"good": 1, "bad": func() {}})
			_, err := client.Start(t.Context(), c, Double, "", client.Queue("q"), memo)
			return err
		},
		"a negative timeout": func() error {
			_, err := client.Start(t.Context(), c, Double, "", client.Queue("q"), client.RunTimeout(-time.Second))
			return err
		},
	} {
		if e := protocol.AsError(start()); e == nil || e.Code != protocol.CodeBadRequest && e.Code != protocol.CodeBadPayload {
			t.Errorf("%s: %v", name, e)
		}
	}
}

// A result can be asked for by anybody, during the run and long after it.
func TestWait(t *testing.T) {
	t.Parallel()
	_, c := begin(t)
	run, err := client.Start(t.Context(), c, Order, "lamp", client.ID("order-1"))
	if err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := run.Wait(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("waited although the context had ended: %v", err)
	}
	others := make(chan string, 3)
	for range cap(others) {
		go func() {
			got, err := client.Get[string](c, "order-1", "").Wait(context.WithoutCancel(t.Context()))
			others <- fmt.Sprint(got, err)
		}()
	}
	if err := client.Signal(t.Context(), c, "order-1", approve, true); err != nil {
		t.Fatal(err)
	}
	for range cap(others) {
		if got := <-others; got != "sent lamp<nil>" {
			t.Errorf("another who waits got %s", got)
		}
	}
	for range 2 {
		if got := rig.Result(t, run); got != "sent lamp" {
			t.Errorf("got %q", got)
		}
	}
	late := client.Get[json.RawMessage](c, "order-1", run.RunID())
	if got, err := late.Wait(t.Context()); err != nil || string(got) != `"sent lamp"` {
		t.Errorf("after the end: %s, %v", got, err)
	}
	if _, err := client.Get[string](c, "nobody", "").Wait(t.Context()); !errors.Is(err, protocol.ErrNotFound) {
		t.Errorf("waited for nobody: %v", err)
	}
}

// Several may wait on one handle, each for as long as its own context allows, and meanwhile it can be asked for its IDs.
func TestWaitTogether(t *testing.T) {
	t.Parallel()
	_, c := begin(t)
	run, err := client.Start(t.Context(), c, Order, "lamp", client.ID("order-1"))
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 2)
	for range cap(got) {
		go func() {
			out, err := run.Wait(context.WithoutCancel(t.Context()))
			got <- fmt.Sprint(out, err)
		}()
	}
	impatient, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := run.Wait(impatient); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waited longer than the context allows: %v", err)
	}
	if run.ID() != "order-1" || run.RunID() == "" {
		t.Errorf("the handle is on run %q of %q", run.RunID(), run.ID())
	}
	if err := client.Signal(t.Context(), c, "order-1", approve, true); err != nil {
		t.Fatal(err)
	}
	for range cap(got) {
		if g := <-got; g != "sent lamp<nil>" {
			t.Errorf("one who waits got %s", g)
		}
	}
}

// A list is a list in JSON, also when there is nothing to list.
func TestEmptyLists(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	for request, want := range map[string]string{
		`list {}`:                       `{"runs":[]}`,
		`workers {}`:                    `{"workers":[]}`,
		`versions {"queue": "nowhere"}`: `{"queue":"nowhere","versions":[]}`,
	} {
		endpoint, body, _ := strings.Cut(request, " ")
		m, err := e.Conn().RequestWithContext(t.Context(), protocol.DefaultNamespace.API(endpoint), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(m.Data); got != want {
			t.Errorf("%s is answered with %s", request, got)
		}
	}
}

// Lists are filtered, come newest first, and go on where a page ends.
func TestList(t *testing.T) {
	t.Parallel()
	_, c := begin(t)
	for i := range 5 {
		if _, err := client.Start(t.Context(), c, Order, "lamp", client.ID(fmt.Sprintf("order-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	run, err := client.Start(t.Context(), c, Double, "x", client.ID("double"))
	if err != nil {
		t.Fatal(err)
	}
	rig.Result(t, run)
	list := func(req protocol.ListRequest) (ids []string) {
		t.Helper()
		for row, err := range c.List(t.Context(), req) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, row.ID)
		}
		return ids
	}
	rig.Until(t, "every row", func() bool { return len(list(protocol.ListRequest{})) == 6 })
	for name, c := range map[string]struct {
		req  protocol.ListRequest
		want []string
	}{
		"all, in pages":  {protocol.ListRequest{Limit: 2}, []string{"double", "order-4", "order-3", "order-2", "order-1", "order-0"}},
		"by type":        {protocol.ListRequest{Type: "client_test.Double"}, []string{"double"}},
		"by status":      {protocol.ListRequest{Status: protocol.StatusRunning, Limit: 1000}, []string{"order-4", "order-3", "order-2", "order-1", "order-0"}},
		"by queue":       {protocol.ListRequest{Queue: "elsewhere"}, nil},
		"type and state": {protocol.ListRequest{Type: "client_test.Order", Status: protocol.StatusCompleted}, nil},
	} {
		rig.Until(t, name, func() bool { return slices.Equal(list(c.req), c.want) })
	}
	workers, err := c.Workers(t.Context(), rig.Queue)
	if err != nil || len(workers) != 1 || !slices.Contains(workers[0].Workflows, "client_test.Order") {
		t.Errorf("the workers are %+v, %v", workers, err)
	}
}

// Values above the threshold travel through the object store, both ways, and nobody notices.
func TestLargeValues(t *testing.T) {
	t.Parallel()
	e, _ := begin(t)
	c, err := client.New(e.Conn(), client.DefaultQueue(rig.Queue), client.BlobThreshold(10))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("large ", 100_000)
	run, err := client.Start(t.Context(), c, Double, text)
	if err != nil {
		t.Fatal(err)
	}
	if got := rig.Result(t, run); got != text+text {
		t.Errorf("%d bytes came back", len(got))
	}
	started := rig.Find[protocol.WorkflowExecutionStarted](e.History(t, run.ID()))[0]
	if started.Input.Blob == nil || len(started.Input.Data) > 0 {
		t.Error("the input lies in the history itself")
	}
	r, err := c.OpenBlob(t.Context(), *started.Input.Blob)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if data, err := io.ReadAll(r); err != nil || len(data) != len(text)+2 {
		t.Errorf("the blob has %d bytes, %v", len(data), err)
	}
}

// Terminate and Cancel speak to the run that they name, and only to that one.
func TestInRun(t *testing.T) {
	t.Parallel()
	_, c := begin(t)
	first, err := client.Start(t.Context(), c, Order, "lamp", client.ID("order-1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Terminate(t.Context(), "order-1", client.InRun(first.RunID()), client.Reason("first")); err != nil {
		t.Fatal(err)
	}
	second, err := client.Start(t.Context(), c, Order, "lamp", client.ID("order-1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"cancel":    c.Cancel(t.Context(), "order-1", client.InRun(first.RunID())),
		"terminate": c.Terminate(t.Context(), "order-1", client.InRun(first.RunID())),
		"signal":    client.Signal(t.Context(), c, "order-1", approve, true, client.InRun(first.RunID())),
	} {
		if err == nil {
			t.Errorf("%s reached a run that has ended", name)
		}
	}
	if d, err := c.Describe(t.Context(), "order-1"); err != nil || d.Run != second.RunID() || d.Status != protocol.StatusRunning {
		t.Errorf("the latest run is %+v, %v", d.Row, err)
	}
}
