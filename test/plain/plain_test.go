// Package plain is a worker and a client that know PROTOCOL.md and nothing else: a NATS connection and JSON. It uses neither the SDK nor
// the package protocol, so that a change on the wire shows here.
package plain

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/test/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

type object = map[string]any

// worker is a worker on the queue "plain" whose workflow runs one activity and returns what it returned.
type worker struct {
	t      *testing.T
	nc     *nats.Conn
	js     natsjs.JetStream
	shards int
	steps  atomic.Int32
}

func newWorker(t *testing.T, nc *nats.Conn) *worker {
	t.Helper()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{t: t, nc: nc, js: js}
	kv, err := js.KeyValue(t.Context(), "MR_default_config")
	if err != nil {
		t.Fatal(err)
	}
	entry, err := kv.Get(t.Context(), "namespace")
	if err != nil {
		t.Fatal(err)
	}
	var config struct{ Shards int }
	if err := json.Unmarshal(entry.Value(), &config); err != nil {
		t.Fatal(err)
	}
	w.shards = config.Shards
	return w
}

// serve answers workflow tasks and pings, on the queue's subject and on the worker's own.
func (w *worker) serve() {
	handle := func(m *nats.Msg) {
		if len(m.Data) == 0 {
			w.respond(m, object{"worker": "plain-1"})
			return
		}
		w.step(m)
	}
	for _, subscribe := range []func() (*nats.Subscription, error){
		func() (*nats.Subscription, error) { return w.nc.Subscribe("mr.default.wft.plain.plain-1", handle) },
		func() (*nats.Subscription, error) {
			return w.nc.QueueSubscribe("mr.default.wft.plain", "workers", handle)
		},
	} {
		sub, err := subscribe()
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { _ = sub.Unsubscribe() })
	}
}

func (w *worker) respond(m *nats.Msg, answer object) {
	data, err := json.Marshal(answer)
	if err == nil {
		err = m.Respond(data)
	}
	if err != nil {
		w.t.Error(err)
	}
}

// step takes one step. The worker keeps nothing in memory, so it wants the whole history each time.
func (w *worker) step(m *nats.Msg) {
	var task struct {
		Type   string `json:"workflow_type"`
		Base   string
		Events []struct {
			Type       string
			Attributes struct{ Input, Result json.RawMessage }
		}
	}
	if err := json.Unmarshal(m.Data, &task); err != nil {
		w.t.Error(err)
		return
	}
	if task.Base != "" {
		w.respond(m, object{"worker": "plain-1", "refusal": "cache_miss"})
		return
	}
	w.steps.Add(1)
	command := object{"type": "ScheduleActivityTask", "attributes": object{
		"activity_id": "1", "activity_type": "shout", "input": task.Events[0].Attributes.Input,
	}}
	for _, e := range task.Events {
		if e.Type == "ActivityTaskCompleted" {
			command = object{"type": "CompleteWorkflowExecution", "attributes": object{"result": e.Attributes.Result}}
		}
	}
	w.respond(m, object{"worker": "plain-1", "sdk": "plain/0", "commands": []any{command}})
}

// work pulls one activity task, does it, stores the result in the workflow's inbox, and acknowledges the task.
func (w *worker) work(ctx context.Context) error {
	consumer, err := w.js.CreateOrUpdateConsumer(ctx, "MR_default_TASKS", natsjs.ConsumerConfig{
		Durable: "activity-plain", FilterSubject: "mr.default.task.activity.plain.>", AckPolicy: natsjs.AckExplicitPolicy,
		AckWait: 5 * time.Second, MaxDeliver: -1, MaxAckPending: -1, MaxWaiting: 4096,
	})
	if err != nil {
		return err
	}
	m, err := consumer.Next(natsjs.FetchContext(ctx))
	if err != nil {
		return err
	}
	var task struct {
		Workflow  string `json:"workflow_id"`
		Run       string `json:"run_id"`
		Scheduled int64  `json:"scheduled_event_id"`
		Attempt   int
		Input     struct{ Data string }
	}
	if err := json.Unmarshal(m.Data(), &task); err != nil {
		return err
	}
	result, err := json.Marshal(object{
		"run_id": task.Run, "scheduled_event_id": task.Scheduled, "attempt": task.Attempt, "worker": "plain-1",
		"started": time.Now().UTC(), "result": object{"data": strings.ToUpper(task.Input.Data)},
	})
	if err != nil {
		return err
	}
	id := fmt.Sprintf("%s-%d-%d", task.Run, task.Scheduled, task.Attempt)
	if _, err := w.js.Publish(ctx, w.inbox("result", task.Workflow), result, natsjs.WithMsgID(id)); err != nil {
		return err
	}
	return m.Ack()
}

// inbox is the subject of an input. The workflow's name is plain here, so it needs no escaping.
func (w *worker) inbox(kind, workflow string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(workflow))
	return fmt.Sprintf("mr.default.in.%d.%s.%s", h.Sum32()%uint32(w.shards), kind, workflow)
}

// start starts a workflow through its inbox, without the control API, and returns the verdict.
func (w *worker) start(workflow, run string) object {
	reply := w.nc.NewInbox()
	sub, err := w.nc.SubscribeSync(reply)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := json.Marshal(object{
		"type": "Shout", "id": workflow, "queue": "plain", "run_id": run, "request_id": "request-1", "input": object{"data": "hello"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.js.PublishMsg(w.t.Context(), &nats.Msg{
		Subject: w.inbox("start", workflow), Data: body, Header: nats.Header{"Nats-Msg-Id": {"request-1"}, "Mr-Reply": {reply}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	m, err := sub.NextMsgWithContext(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var verdict object
	if err := json.Unmarshal(m.Data, &verdict); err != nil {
		w.t.Fatal(err)
	}
	return verdict
}

func TestWorkerFromTheSpecification(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	w := newWorker(t, e.Conn())
	w.serve()
	closed, err := e.Conn().SubscribeSync("mr.default.closed.1.run-1")
	if err != nil {
		t.Fatal(err)
	}
	if verdict := w.start("shout-1", "run-1"); verdict["run_id"] != "run-1" || verdict["error"] != nil {
		t.Fatalf("the verdict is %v", verdict)
	}
	if err := w.work(t.Context()); err != nil {
		t.Fatal(err)
	}
	m, err := closed.NextMsgWithContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var outcome struct {
		Status string
		Result struct{ Data string }
	}
	if err := json.Unmarshal(m.Data, &outcome); err != nil || outcome.Status != "Completed" || outcome.Result.Data != "HELLO" {
		t.Errorf("the outcome is %s, %v", m.Data, err)
	}
	if n := w.steps.Load(); n != 2 {
		t.Errorf("%d steps were taken, want 2", n)
	}
}
