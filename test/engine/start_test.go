package engine

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// An ID belongs to one open run at a time; who asks again is told which. The same request is answered with the same run, and a
// closed run's ID is free.
func TestStartTwice(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	first := rig.Run(t, e, Collect, 1, client.ID("order-1"), client.RequestID("request-1"))
	_, err := client.Start(t.Context(), e.Client(), Collect, 1, client.ID("order-1"), client.Queue(rig.Queue))
	if taken := protocol.AsError(err); !errors.Is(err, protocol.ErrAlreadyStarted) || taken.Run != first.RunID() {
		t.Errorf("another start: %v, %+v", err, taken)
	}
	again := rig.Run(t, e, Collect, 1, client.ID("order-1"), client.RequestID("request-1"))
	if again.RunID() != first.RunID() {
		t.Errorf("the same request started run %s, then %s", first.RunID(), again.RunID())
	}
	if err := e.Client().Terminate(t.Context(), "order-1"); err != nil {
		t.Fatal(err)
	}
	next := rig.Run(t, e, Collect, 1, client.ID("order-1"))
	if next.RunID() == first.RunID() {
		t.Error("the ID's next run has the run ID of the first")
	}
	d, err := e.Client().Describe(t.Context(), "order-1", client.InRun(first.RunID()))
	if err != nil || d.Status != protocol.StatusTerminated {
		t.Errorf("the first run is %s, %v", d.Status, err)
	}
}

// A program without this library starts a workflow with one request, and is told in JSON what is wrong with a bad one.
func TestStartFromPlainNATS(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Greet), worker.Activity(Hello))
	ask := func(body string) (answer struct {
		Run   string          `json:"run_id"`
		Error *protocol.Error `json:"error"`
	},
	) {
		t.Helper()
		m, err := e.Conn().RequestWithContext(t.Context(), "mr.default.api.start", []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(m.Data, &answer); err != nil {
			t.Fatalf("%v in the answer %s", err, m.Data)
		}
		return answer
	}
	a := ask(`{"type": "engine.Greet", "id": "plain", "queue": "test", "input": "Ada"}`)
	if a.Run == "" || a.Error != nil {
		t.Fatalf("the answer is %+v", a)
	}
	if got := rig.Result(t, client.Get[string](e.Client(), "plain", a.Run)); got != "Hello Ada" {
		t.Errorf("got %q", got)
	}
	for name, body := range map[string]string{
		"no JSON":    `{"type": "engine.Greet", `,
		"empty":      ``,
		"no object":  `[]`,
		"no type":    `{"id": "x", "queue": "test"}`,
		"no queue":   `{"id": "x", "type": "engine.Greet"}`,
		"wrong type": `{"id": 7, "type": "engine.Greet", "queue": "test"}`,
		"misspelt":   `{"id": "x", "typ": "engine.Greet", "queue": "test"}`,
	} {
		if a := ask(body); a.Error == nil || a.Error.Code != protocol.CodeBadRequest || a.Error.Message == "" {
			t.Errorf("%s: the answer is %+v", name, a)
		}
	}
}

// Echo returns what it gets.
func Echo(_ context.Context, text string) (string, error) { return text, nil }

func EchoTwice(ctx workflow.Context, text string) (string, error) {
	once, err := workflow.Do(ctx, Echo, text)
	if err != nil {
		return "", err
	}
	return workflow.Do(ctx, Echo, once)
}

// A payload of any size passes: through input, activity and result, and through a replay.
func TestLargePayload(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(EchoTwice), worker.Activity(Echo), worker.CacheSize(0))
	text := strings.Repeat("a large payload ", 5<<20/16)
	got := rig.Result(t, rig.Run(t, e, EchoTwice, text))
	if sha256.Sum256([]byte(got)) != sha256.Sum256([]byte(text)) {
		t.Errorf("%d bytes came back for %d", len(got), len(text))
	}
}

// What is no request does not stop the shard: it lands among the dead letters, with the reason, and what follows is done.
func TestGarbageInTheInbox(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(Greet), worker.Activity(Hello))
	subject := ns.Input(0, protocol.KindSignal, "somebody")
	for _, garbage := range []string{"{", "\x00\xff", `{"signal": 5}`, `[]`} {
		if err := e.Conn().Publish(subject, []byte(garbage)); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Conn().Publish("mr.default.in.0.nonsense.somebody", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if got := rig.Result(t, rig.Run(t, e, Greet, "Ada")); got != "Hello Ada" {
		t.Errorf("got %q", got)
	}
	rig.Until(t, "five dead letters", func() bool { return state(t, e, ns.DeadStream()).Msgs == 5 })
}

// Whoever speaks to the control API without this client reads what is wrong, in the body and in the headers for tools.
func TestRequestsByHand(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	for endpoint, c := range map[string]struct{ request, want string }{
		protocol.EndpointStart:   {`{"id": "x", "retry_policy": {"maximum_attempts": "3"}}`, `"retry_policy.maximum_attempts" must be a whole number, not a string`},
		protocol.EndpointSignal:  {`["x"]`, `it must be an object, not an array`},
		protocol.EndpointHistory: {`{"id": "x"`, `it ends in the middle, after 10 bytes`},
	} {
		m, err := e.Conn().RequestWithContext(t.Context(), protocol.DefaultNamespace.API(endpoint), []byte(c.request))
		check(t, err)
		var refused protocol.ErrorAnswer
		check(t, protocol.Unmarshal(m.Data, &refused))
		want := "the request cannot be read: " + c.want
		if r := refused.Error; r == nil || r.Message != want || r.Code != protocol.CodeBadRequest || m.Header.Get("Nats-Service-Error") != want {
			t.Errorf("%s: got %s %v, want %s", endpoint, m.Data, m.Header, want)
		}
	}
}
