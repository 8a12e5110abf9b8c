package badinput

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

const (
	ns     = protocol.DefaultNamespace
	shards = 2
)

// Greet is the workflow that must go on working.
func Greet(ctx workflow.Context, name string) (string, error) { return workflow.Do(ctx, Hello, name) }

// Hello is its activity.
func Hello(_ context.Context, name string) (string, error) { return "Hello " + name, nil }

// Wait waits for a word.
func Wait(ctx workflow.Context, _ string) (string, error) {
	return workflow.Receive(ctx, workflow.NewSignal[string]("word"))
}

// counting counts what is logged above debug.
type counting struct {
	slog.Handler

	lines *atomic.Int64
}

func (c counting) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		c.lines.Add(1)
	}
	return c.Handler.Handle(ctx, r)
}

func (c counting) WithAttrs(a []slog.Attr) slog.Handler {
	return counting{c.Handler.WithAttrs(a), c.lines}
}

// house is an engine on a NATS with messages of a megabyte, and who looks at it.
type house struct {
	*rig.Engine

	nc    *nats.Conn // somebody else's
	js    natsjs.JetStream
	lines *atomic.Int64
}

func open(t *testing.T, opts ...worker.Option) *house {
	t.Helper()
	srv, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Sync: "1m", MaxPayload: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	connect := func() *nats.Conn {
		nc, err := srv.Conn()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	h := &house{nc: connect(), lines: new(atomic.Int64)}
	log := slog.New(counting{rig.Logger(t).Handler(), h.lines})
	node, err := orchestrator.Attach(t.Context(), connect(), orchestrator.Options{Shards: shards, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	h.Engine = &rig.Engine{Server: node}
	t.Cleanup(func() { h.Halt(t) })
	h.Work(t, append(opts, worker.Logger(log), worker.Identity("worker-1"),
		worker.Workflow(Greet), worker.Workflow(Wait), worker.Activity(Hello))...)
	if h.js, err = natsjs.New(h.nc); err != nil {
		t.Fatal(err)
	}
	return h
}

// name makes a workflow ID that belongs to a shard.
func name(what string, shard int) string {
	for i := 0; ; i++ {
		if id := fmt.Sprintf("%s-%d", what, i); protocol.Shard(id, shards) == shard {
			return id
		}
	}
}

// hello shows that a workflow with an activity still works on every shard.
func (h *house) hello(t *testing.T, what string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for shard := range shards {
		run, err := client.Start(ctx, h.Client(), Greet, "Ada", client.Queue(rig.Queue), client.ID(name(what, shard)))
		if err != nil {
			t.Fatalf("after %s, on shard %d: %v", what, shard, err)
		}
		if out, err := run.Wait(ctx); err != nil || out != "Hello Ada" {
			t.Fatalf("after %s, on shard %d: %q, %v", what, shard, out, err)
		}
	}
}

// letters reads the dead letters by the subjects that they came from.
func (h *house) letters(t *testing.T) map[string][]protocol.DeadLetter {
	t.Helper()
	all := map[string][]protocol.DeadLetter{}
	for d, err := range h.Client().DeadLetters(t.Context(), client.DeadFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		all[d.Subject] = append(all[d.Subject], d)
	}
	return all
}

// bad are bodies that no subject takes, and large is one that fills a message.
func bad() map[string][]byte {
	return map[string][]byte{
		"no JSON":          []byte("{broken"),
		"an empty object":  []byte("{}"),
		"an array":         []byte("[]"),
		"null":             []byte("null"),
		"not UTF-8":        {0xff, 0xfe, 0x00},
		"cut gzip":         protocol.Pack(bytes.Repeat([]byte(`{"a":1},`), 50_000))[:100],
		"a wrong type":     []byte(`{"run_id":7,"type":{},"signal":[],"workflow_id":1,"v":"x","commands":3,"tasks":{}}`),
		"a large number":   []byte(`{"run_timeout":1e400,"scheduled_event_id":99999999999999999999,"v":1e9}`),
		"nested":           bytes.Repeat([]byte(`{"failure":{"cause":`), 5_000),
		"a newer version":  []byte(`{"v":99,"workflow_id":"x","events":[]}`),
		"an unknown event": []byte(`{"v":1,"events":[{"id":1,"type":"WorkflowExecutionFlown","attributes":{}}]}`),
	}
}

// publish sends a message as it is, stored or not.
func (h *house) publish(t *testing.T, subject string, body []byte, header ...string) {
	t.Helper()
	m := &nats.Msg{Subject: subject, Data: body, Header: nats.Header{}}
	for i := 0; i+1 < len(header); i += 2 {
		m.Header.Set(header[i], header[i+1])
	}
	if err := h.nc.PublishMsg(m); err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
}

// Whatever lies in an inbox that is no input goes to the dead letters, its sender hears why, and the next message is read.
func TestInbox(t *testing.T) {
	t.Parallel()
	h := open(t)
	large := append(bytes.Repeat([]byte("x"), 1<<20-200), '{')
	want := map[string]int{}
	replies := make(chan *nats.Msg, 4096)
	sub, err := h.nc.ChanSubscribe("_INBOX.bad.>", replies)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection is about to go
	kinds := []protocol.InputKind{
		"start", "signal", "cancel", "terminate", "update", "pause", "reset", "activity", "result", "started",
		"ready", "answer", "child", "timer", "dance",
	}
	sent := 0
	for _, kind := range kinds {
		for what, body := range bad() {
			if _, err := protocol.DecodeInput(kind, body); err == nil && kind != "timer" {
				continue // it means nothing, and is refused in words; see TestSenseless
			}
			id := name("bad", sent%shards)
			subject := ns.Input(protocol.Shard(id, shards), kind, id)
			h.publish(t, subject, body, protocol.HeaderReply, fmt.Sprintf("_INBOX.bad.%d", sent), protocol.HeaderMsgID, what+string(kind))
			want[subject]++
			sent++
		}
	}
	for _, subject := range []string{ // in the wrong place, or by a name that is none
		"mr.default.in.0.signal.=zz", "mr.default.in.0.signal", "mr.default.in.0.signal.a.b", "mr.default.in.0.signal.=",
		"mr.default.in.1.signal.=41", ns.Input(1-protocol.Shard("elsewhere", shards), "signal", "elsewhere"),
		ns.Input(0, "signal", strings.Repeat("x", 1001)), ns.Input(0, "start", name("large", 0)),
	} {
		body := []byte(`{"signal":"word"}`)
		if strings.Contains(subject, "large") {
			body = large
		}
		h.publish(t, subject, body, protocol.HeaderReply, fmt.Sprintf("_INBOX.bad.%d", sent))
		want[subject]++
		sent++
	}
	longest := strings.Repeat("日", 333) // the longest subject that there is
	subject := ns.Input(protocol.Shard(longest, shards), "signal", longest)
	h.publish(t, subject, large[:len(large)-4000], protocol.HeaderReply, strings.Repeat("y", 3000))
	want[subject]++
	if err := h.nc.Flush(); err != nil {
		t.Fatal(err)
	}

	h.hello(t, "bad messages in the inboxes")
	for range sent {
		var v protocol.Verdict
		m := <-replies
		if err := protocol.Unmarshal(m.Data, &v); err != nil || v.Error == nil || v.Error.Code == "" || v.Error.Code == protocol.CodeInternal {
			t.Errorf("a sender hears %.200s", m.Data)
		}
	}
	rig.Until(t, "the last dead letter", func() bool { return len(h.letters(t)[subject]) > 0 })
	got := h.letters(t)
	for subject, n := range want {
		if len(got[subject]) != n {
			t.Errorf("%d dead letters of %.80s, want %d", len(got[subject]), subject, n)
		}
		for _, d := range got[subject] {
			if d.Reason == "" || d.Code == "" || d.Code == protocol.CodeInternal {
				t.Errorf("the dead letter of %.80s says %s: %s", subject, d.Code, d.Reason)
			}
		}
	}
	if n := h.lines.Load(); n > int64(sent)+10 {
		t.Errorf("%d lines of warnings for %d messages", n, sent+1)
	}
}

// The direct way: a sender is answered, or sent to the inbox, and never left waiting.
func TestDirect(t *testing.T) {
	t.Parallel()
	h := open(t)
	bodies := bad()
	bodies["large"] = bytes.Repeat([]byte("x"), 1<<20-200)
	for what, body := range bodies {
		for _, kind := range []protocol.InputKind{"start", "signal", "update", "result", "timer", "dance"} {
			id := name("direct", 1)
			m := &nats.Msg{Subject: ns.Direct(1, kind, id), Data: body, Header: nats.Header{protocol.HeaderAfter: {"0"}}}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			reply, err := h.nc.RequestMsgWithContext(ctx, m)
			cancel()
			if err != nil {
				t.Fatalf("%s as a %s: %v", what, kind, err)
			}
			var v protocol.Verdict
			if err := protocol.Unmarshal(reply.Data, &v); err != nil || v.Error == nil && v.Run == "" {
				t.Errorf("%s as a %s is answered with %.200s", what, kind, reply.Data)
			}
		}
	}
	m := &nats.Msg{Subject: ns.Direct(1, "signal", name("direct", 1)), Data: []byte("{}"), Header: nats.Header{protocol.HeaderAfter: {"x"}}}
	if reply, err := h.nc.RequestMsg(m, 5*time.Second); err != nil || reply.Header.Get(protocol.HeaderTaken) != "no" {
		t.Errorf("an input after something that is no number: %v", err)
	}
	h.hello(t, "bad direct messages")
}

// Every endpoint answers whatever it is asked with an error that has a code and a sentence, or with an answer.
func TestAPI(t *testing.T) {
	t.Parallel()
	h := open(t)
	endpoints := []string{
		protocol.EndpointStart, protocol.EndpointSignal, protocol.EndpointCancel, protocol.EndpointTerminate, protocol.EndpointPause,
		protocol.EndpointReset, protocol.EndpointActivity, protocol.EndpointDescribe, protocol.EndpointResult, protocol.EndpointQuery,
		protocol.EndpointHistory, protocol.EndpointList, protocol.EndpointWorkers, protocol.EndpointVersions, protocol.EndpointUpdate,
		protocol.EndpointUpdateResult, protocol.EndpointLoad,
	}
	bodies := bad()
	bodies["large"] = bytes.Repeat([]byte("x"), 1<<20-200)
	bodies["a long ID"] = []byte(`{"id":"` + strings.Repeat("x", 100_000) + `","type":"t","queue":"q","run_id":"` + strings.Repeat("y", 100_000) + `"}`)
	bodies["long IDs"] = []byte(`{"id":"a","signal":"s","update":"u","type":"t","queue":"q","run_id":"` + strings.Repeat("=", 5000) +
		`","update_id":"` + strings.Repeat("=", 5000) + `"}`)
	for _, endpoint := range endpoints {
		for what, body := range bodies {
			reply, err := h.nc.Request(ns.API(endpoint), body, 10*time.Second)
			if err != nil {
				t.Errorf("%s to %s: %v", what, endpoint, err)
				continue
			}
			var answer protocol.ErrorAnswer
			if err := protocol.Unmarshal(reply.Data, &answer); err != nil {
				t.Errorf("%s to %s is answered with %.200s", what, endpoint, reply.Data)
			} else if e := answer.Error; e != nil && (e.Code == protocol.CodeInternal || e.Message == "" || len(e.Message) > 4<<10) {
				t.Errorf("%s to %s is refused with %s: %.200s", what, endpoint, e.Code, e.Message)
			}
		}
	}
	h.hello(t, "bad requests")
	if n := h.nc.Stats().Reconnects; n != 0 {
		t.Errorf("the connection was lost %d times", n)
	}
	if n := h.Conn().Stats().Reconnects; n != 0 {
		t.Errorf("the node's connection was lost %d times", n)
	}
}

// What is not stored and cannot be read is answered with an error where somebody waits, and dropped where nobody does.
func TestWorkersSubjects(t *testing.T) {
	t.Parallel()
	h := open(t)
	bodies := bad()
	bodies["large"] = bytes.Repeat([]byte("x"), 1<<20-200)
	for what, body := range bodies {
		for _, subject := range []string{
			ns.WorkflowTasks(rig.Queue), ns.WorkerTasks(rig.Queue, "worker-1"), ns.Queries(protocol.WorkerKey(rig.Queue, "worker-1")),
		} {
			reply, err := h.nc.Request(subject, body, 5*time.Second)
			if err != nil {
				t.Errorf("%s on %s: %v", what, subject, err)
				continue
			}
			var a protocol.WorkflowTaskAnswer
			if err := protocol.Unmarshal(reply.Data, &a); err != nil || a.Failure == nil && a.Refusal == "" {
				t.Errorf("%s on %s is answered with %.200s", what, subject, reply.Data)
			}
		}
		for _, subject := range []string{
			ns.HandOvers(rig.Queue, "worker-1"), ns.Cancels(rig.Queue), ns.Closed("run"), ns.Updated("wf", "u"), ns.NodeNews(), ns.NodePing("x"),
		} {
			h.publish(t, subject, body)
			h.publish(t, subject, body, "Nats-Msg-Id", "x")
		}
	}
	h.hello(t, "bad messages to workers")
}

// What lies in a stream or a bucket and cannot be read stops nobody, and a message that is taken off a queue is not given out again.
func TestStored(t *testing.T) {
	t.Parallel()
	h := open(t)
	bodies := bad()
	bodies["large"] = bytes.Repeat([]byte("x"), 1<<20-200)
	i := shards + 5
	want := map[string]bool{}
	for _, body := range bodies {
		i++
		n := strconv.Itoa(i)
		task := ns.ActivityTask(rig.Queue, fmt.Sprintf("run-%d", i), 5, 1)
		call := ns.WorkflowTask(rig.Queue, fmt.Sprintf("run-%d", i), 5)
		_, fired := ns.Wakeup(0, name("sleeper", 0))
		for _, subject := range []string{task, call, fired} {
			h.publish(t, subject, body)
		}
		want[task], want[call], want[fired] = true, true, true
		for _, key := range []string{
			"runs." + protocol.RowKey("a", n), "nodes.node-" + n, "workers." + protocol.WorkerKey(rig.Queue, n),
			"leases.shard." + n, "leases.progress." + n, "heartbeats." + protocol.HeartbeatKey("run-1", int64(i)),
		} {
			h.publish(t, "$KV.MR_default_"+key, body)
		}
	}
	h.publish(t, "mr.default.timer.0.fired", []byte("{}"))
	h.publish(t, "mr.default.timer.0.fired.=zz", []byte("{}"))
	h.publish(t, ns.ActivityTask(rig.Queue, "long", 5, 1), []byte(`{"workflow_id":"`+strings.Repeat("x", 9000)+`","run_id":"r","attempt":1}`))
	if err := h.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	h.hello(t, "bad messages in streams")
	rig.Until(t, "the dead letters of the tasks", func() bool {
		got := h.letters(t)
		for subject := range want {
			if len(got[subject]) == 0 {
				return false
			}
		}
		return h.Tasks(t) == 1
	})
	if _, err := h.Client().Workers(t.Context(), ""); err != nil {
		t.Error(err)
	}
	for _, err := range h.Client().List(t.Context(), protocol.ListRequest{}) {
		if err != nil {
			t.Error(err)
		}
	}
	total := 0
	for subject, letters := range h.letters(t) {
		total += len(letters)
		if strings.Contains(subject, ".task.") && len(letters) != 1 {
			t.Errorf("%d dead letters of %s: it was given out again", len(letters), subject)
		}
	}
	if n := h.lines.Load(); n > int64(total)+20 {
		t.Errorf("%d lines of warnings for %d messages", n, total)
	}
}

// A node whose own lease cannot be read any more takes its shard again, and one that cannot read how far the shard's owner had come looks at
// everything.
func TestOwnership(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.hello(t, "nothing")
	for shard := range shards {
		h.publish(t, "$KV.MR_default_leases."+protocol.ProgressKey(shard), []byte("{broken"))
		h.publish(t, "$KV.MR_default_leases."+protocol.LeaseKey(shard), []byte("{broken"))
	}
	h.publish(t, "$KV.MR_default_nodes.stranger", []byte(`{"id":"somebody else"}`))
	h.publish(t, ns.NodeNews(), nil)
	leases, err := h.js.KeyValue(t.Context(), ns.Bucket("leases"))
	if err != nil {
		t.Fatal(err)
	}
	for shard := range shards {
		rig.Until(t, "a lease that can be read", func() bool {
			e, err := leases.Get(t.Context(), protocol.LeaseKey(shard))
			var l protocol.Lease
			if err != nil || protocol.Unmarshal(e.Value(), &l) != nil {
				h.publish(t, ns.NodeNews(), nil)
				return false
			}
			return l.Node != "" && l.Node != "somebody else"
		})
	}
	h.hello(t, "leases that cannot be read")
}

// A history that is damaged quarantines its workflow: what it is told goes to the dead letters, and after the repair a retry goes on.
func TestHistories(t *testing.T) {
	t.Parallel()
	h := open(t)
	for what, body := range bad() {
		id := name("damaged-"+strings.ReplaceAll(what, " ", "-"), 0)
		start(t, h, id)
		h.publish(t, ns.History(0, id), body)
		if err := h.nc.Flush(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		err := client.Signal(ctx, h.Client(), id, workflow.NewSignal[string]("word"), "on")
		cancel()
		if err == nil {
			t.Errorf("%s: a signal was taken", what)
		}
	}
	h.hello(t, "damaged histories")
	for subject, letters := range h.letters(t) {
		for _, d := range letters {
			if d.Code != protocol.CodeCorrupt {
				t.Errorf("the dead letter of %s says %s: %s", subject, d.Code, d.Reason)
			}
		}
	}
}

func start(t *testing.T, h *house, id string) *client.Run[string] {
	t.Helper()
	run, err := client.Start(t.Context(), h.Client(), Wait, "", client.Queue(rig.Queue), client.ID(id))
	if err != nil {
		t.Fatal(err)
	}
	h.Await(t, id, "WorkflowTaskCompleted")
	return run
}
