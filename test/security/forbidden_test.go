package security

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
)

// try publishes to a subject, or subscribes to it, and reports whether the server refused it.
func try(t *testing.T, nc *nats.Conn, act string) (refused bool) {
	t.Helper()
	verb, subject, _ := strings.Cut(act, " ")
	switch verb {
	case "pub":
		if err := nc.PublishRequest(subject, nc.NewInbox(), []byte("{}")); err != nil {
			t.Fatal(err)
		}
	case "sub":
		sub, err := nc.SubscribeSync(subject)
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Unsubscribe() //nolint:errcheck // the connection ends with the test
	default:
		t.Fatalf("%q is no act", verb)
	}
	if err := nc.Flush(); err != nil { // a refusal comes before the answer to the ping
		t.Fatal(err)
	}
	err := nc.LastError()
	return errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), fmt.Sprintf("%q", subject))
}

// forbidden are acts, by user, that must be refused.
func forbidden() map[string][]string {
	const ns, other = protocol.DefaultNamespace, protocol.Namespace("other")
	engine := []string{ // what is for nodes alone
		"pub " + ns.History(0, "wf"), "pub " + ns.Input(0, protocol.KindAnswer, "wf"), "pub " + ns.Input(0, protocol.KindChild, "wf"),
		"pub " + ns.Input(0, protocol.KindStart.From(), "wf"), "pub " + ns.Direct(0, protocol.KindStart.From(), "wf"),
		"pub " + ns.Input(0, protocol.KindSignal.From(), "wf"),
		"pub " + ns.ActivityTask("q1", "run", 5, 1), "pub " + ns.WorkflowTask("q1", "run", 5), "pub " + ns.TasksAnchor(),
		"pub mr.default.timer.0.set.wf", "pub mr.default.timer.0.fired.wf",
		"pub " + ns.WorkflowTasks("q1"), "pub " + ns.WorkerTasks("q1", "w1"), "pub " + ns.HandOvers("q1", "w1"), "pub " + ns.Cancels("q1"),
		"pub " + ns.Closed("run"), "pub " + ns.Updated("wf", "u"), "pub " + ns.NodeNews(), "pub " + ns.NodePing("n"),
		"pub $KV.MR_default_leases.shard.0", "pub $KV.MR_default_leases.progress.0", "pub $KV.MR_default_nodes.n",
		"pub $KV.MR_default_runs.wf.run", "pub $KV.MR_default_config.namespace", "pub $KV.MR_default_config.queue.q1",
		"sub " + ns.API("start"), "sub " + ns.Directs(0), "sub mr.default.>", "sub >", "sub _INBOX.>", "sub $KV.>", "sub $JS.>", "sub $SRV.>",
		"sub _INBOX_mr.default.orchestrator.>", "sub _INBOX_mr.>", "pub _INBOX_mr.default.client.a", "pub _INBOX_mr.default.orchestrator.a",
	}
	for _, s := range []string{
		ns.HistoryStream(0), ns.InboxStream(0), ns.TimersStream(0), ns.TasksStream(), ns.DeadStream(), "KV_MR_default_leases",
		"KV_MR_default_runs", "KV_MR_default_workers", "KV_MR_default_config", "KV_MR_default_heartbeats", "KV_MR_default_nodes",
	} {
		for _, verb := range []string{"PURGE", "DELETE", "UPDATE", "CREATE", "MSG.DELETE", "SNAPSHOT", "RESTORE", "LEADER.STEPDOWN"} {
			engine = append(engine, "pub $JS.API.STREAM."+verb+"."+s)
		}
		engine = append(engine, "pub $JS.API.CONSUMER.CREATE."+s, "pub $JS.API.CONSUMER.CREATE."+s+".x", "pub $JS.API.CONSUMER.CREATE."+s+".x.>",
			"pub $JS.API.CONSUMER.DURABLE.CREATE."+s+".x", "pub $JS.API.CONSUMER.DELETE."+s+".activity-q1")
	}
	others := []string{ // another namespace
		"pub " + other.API("start"), "pub " + other.API("describe"), "pub " + other.API("history"), "pub " + other.Input(0, protocol.KindStart, "wf"),
		"pub " + other.Direct(0, protocol.KindSignal, "wf"), "pub " + other.Direct(0, protocol.KindResult, "wf"), "pub " + other.Queries("q1.w"),
		"pub $JS.API.STREAM.MSG.GET." + other.HistoryStream(0), "pub $JS.API.STREAM.MSG.GET.KV_MR_other_config",
		"pub $JS.API.DIRECT.GET." + other.HistoryStream(0) + "." + other.History(0, "wf"), "pub $O.MR_other_blobs.M.x",
		"pub $JS.API.STREAM.INFO.OBJ_MR_other_blobs", "pub $JS.API.CONSUMER.CREATE.OBJ_MR_other_blobs.x.>",
		"sub " + other.Closed("run"), "sub " + other.WorkflowTasks("q1"), "sub _INBOX_mr.other.>",
	}
	lookers := []string{ // what is for workers alone
		"pub " + ns.Input(0, protocol.KindResult, "wf"), "pub " + ns.Direct(0, protocol.KindResult, "wf"),
		"pub " + ns.Input(0, protocol.KindStarted, "wf"), "pub " + ns.Input(0, protocol.KindReady, "wf"),
		"pub " + ns.Input(0, protocol.KindSession, "wf"), "pub " + ns.Direct(0, protocol.KindSession, "wf"),
		"pub $JS.API.CONSUMER.MSG.NEXT.MR_default_TASKS.activity-q1", "pub $JS.API.STREAM.MSG.GET.MR_default_TASKS",
		"pub $JS.ACK.MR_default_TASKS.activity-q1.1.2.3.4.0", "pub $KV.MR_default_workers.q1.w1", "pub $KV.MR_default_heartbeats.run.5",
		"pub $JS.API.STREAM.MSG.GET.KV_MR_default_heartbeats", "pub " + ns.Dead("x"),
		"sub " + ns.WorkflowTasks("q1"), "sub " + ns.WorkerTasks("q1", "w1"), "sub " + ns.HandOvers("q1", "w1"), "sub " + ns.Cancels("q1"),
		"sub " + ns.Queries("q1.w1"),
	}
	writes := []string{"pub $O.MR_default_blobs.M.x", "pub $O.MR_default_blobs.C.x", "pub $JS.API.STREAM.PURGE.OBJ_MR_default_blobs"}
	for _, e := range []string{"start", "signal", "update", "cancel", "terminate", "pause", "reset", "activity", "versions"} {
		writes = append(writes, "pub "+ns.API(e))
	}
	kinds := []protocol.InputKind{
		protocol.KindStart, protocol.KindSignal, protocol.KindUpdate, protocol.KindCancel, protocol.KindTerminate, protocol.KindPause,
		protocol.KindReset, protocol.KindActivity,
	}
	for _, k := range kinds {
		writes = append(writes, "pub "+ns.Input(0, k, "wf"), "pub "+ns.Direct(0, k, "wf"))
	}
	queue := []string{ // another queue
		"sub " + ns.WorkflowTasks("q2"), "sub " + ns.WorkerTasks("q2", "w"), "sub " + ns.HandOvers("q2", "w"), "sub " + ns.Cancels("q2"),
		"sub " + ns.Queries("q2.w"), "sub mr.default.wft.*", "sub mr.default.wft.>", "sub mr.default.hand.*.*",
		"sub " + ns.WorkflowTasks(protocol.VersionQueue("q1", "v2")), "sub " + ns.Cancels(protocol.PrivateQueue("q1", "w2")),
		"pub $JS.API.CONSUMER.MSG.NEXT.MR_default_TASKS.activity-q2", "pub $JS.API.CONSUMER.MSG.NEXT.MR_default_TASKS.workflow-q2",
		"pub $JS.API.CONSUMER.CREATE.MR_default_TASKS.activity-q2." + ns.QueueTasks(protocol.TaskActivity, "q2"),
		"pub $JS.API.CONSUMER.CREATE.MR_default_TASKS.activity-q1." + ns.QueueTasks(protocol.TaskActivity, "q2"),
		"pub $JS.API.CONSUMER.CREATE.MR_default_TASKS.activity-q1." + ns.Tasks(), "pub $JS.API.CONSUMER.CREATE.MR_default_TASKS.activity-q1",
		"pub $JS.ACK.MR_default_TASKS.activity-q2.1.2.3.4.0", "pub $JS.ACK.MR_default_TASKS.workflow-q2.1.2.3.4.0",
		"pub $JS.API.STREAM.MSG.GET.MR_default_TASKS", "pub $JS.API.DIRECT.GET.MR_default_TASKS", "pub $KV.MR_default_workers.q2.w",
		"pub $JS.API.DIRECT.GET.KV_MR_default_workers.$KV.MR_default_workers.q2.w", "pub $JS.API.STREAM.MSG.GET.KV_MR_default_workers",
		"pub $JS.API.STREAM.MSG.GET.MR_default_HISTORY_0", "pub $JS.API.STREAM.MSG.GET.MR_default_INBOX_0", "sub " + ns.Closed("run"),
		"pub " + ns.API(protocol.EndpointHistory), "pub " + ns.API(protocol.HistoryOf("q2")), "pub " + ns.API("describe"), "pub " + ns.API("list"),
	}
	starts := slices.DeleteFunc(slices.Clone(writes), func(act string) bool { return strings.Contains(act, "blobs") })
	unread := slices.DeleteFunc(slices.Clone(engine), func(act string) bool { return strings.Contains(act, "SNAPSHOT") })
	return map[string][]string{
		"keeper":    slices.Concat(unread, others, lookers, writes),
		"client":    slices.Concat(engine, others, lookers),
		"observer":  slices.Concat(engine, others, lookers, writes),
		"worker-q1": slices.Concat(engine, others, queue, starts),
		"stranger":  {"pub " + ns.API("describe"), "pub " + ns.Input(0, protocol.KindSignal, "wf"), "sub " + ns.Closed("run")},
		"other-node": {
			"pub " + ns.History(0, "wf"), "sub " + ns.API("start"), "pub $JS.API.STREAM.PURGE." + ns.InboxStream(0),
			"pub $JS.API.STREAM.MSG.GET." + ns.HistoryStream(0), "pub _INBOX_mr.default.client.a", "pub $KV.MR_default_leases.shard.0",
		},
		"orchestrator": {
			"pub $JS.API.STREAM.DELETE." + ns.HistoryStream(0), "pub $JS.API.STREAM.UPDATE." + ns.HistoryStream(0),
			"pub $JS.API.STREAM.MSG.DELETE." + ns.HistoryStream(0), "pub " + other.History(0, "wf"), "sub >",
		},
	}
}

// Whatever is not a role's job is refused.
func TestEverythingElseIsForbidden(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.node("orchestrator", "default")
	all := forbidden()
	for _, user := range slices.Sorted(maps.Keys(all)) {
		nc := h.as(user)
		for _, act := range all[user] {
			if !try(t, nc, act) {
				t.Errorf("%s may %s", user, act)
			}
		}
		// The same question finds what is allowed, so it does find.
		for act, may := range map[string]bool{
			"pub mr.default.api.describe": user != "stranger" && user != "worker-q1" && user != "other-node" && user != "orchestrator" && user != "keeper",
		} {
			if try(t, nc, act) == may {
				t.Errorf("%s may %s: %t, should be %t", user, act, !may, may)
			}
		}
	}
}

// A worker that writes into a bucket that others write into as well cannot empty it.
func TestBucketsCannotBeRolledUp(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.node("orchestrator", "default")
	h.work("second", "q2", worker.Activity(echo))
	js, err := natsjs.New(h.as("worker-q1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"$KV.MR_default_workers.q1.w1", "$KV.MR_default_heartbeats.run.5"} {
		_, err = js.PublishMsg(t.Context(), &nats.Msg{Subject: subject, Header: nats.Header{"Nats-Rollup": {"all"}}})
		if api := (&natsjs.APIError{}); !errors.As(err, &api) {
			t.Errorf("a rollup of %s got %v", subject, err)
		}
	}
	if w, err := h.client("client").Workers(t.Context(), ""); err != nil || len(w) != 1 {
		t.Errorf("the workers are %v, %v", w, err)
	}
}

// The filter of a consumer is part of the subject of the request that makes it, and the server holds the request to it.
func TestConsumerReadsItsQueueOnly(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.node("orchestrator", "default")
	nc := h.as("worker-q1")
	for name, filter := range map[string]string{
		"one filter": `"filter_subject": "mr.default.task.activity.q2.>"`, "filters": `"filter_subjects": ["mr.default.task.activity.q2.>"]`,
		"none": `"filter_subject": ""`,
	} {
		body := `{"stream_name": "MR_default_TASKS", "config": {"durable_name": "activity-q1", "ack_policy": "explicit", ` + filter + `}}`
		reply, err := nc.Request("$JS.API.CONSUMER.CREATE.MR_default_TASKS.activity-q1.mr.default.task.activity.q1.>", []byte(body), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(reply.Data), `"error"`) {
			t.Errorf("%s: %s", name, reply.Data)
		}
	}
}
