package protocol_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
)

// legal is what a subject token, a KV key and a consumer name have in common.
var legal = regexp.MustCompile(`^[A-Za-z0-9_=-]+$`)

// TestTokenIsBijective: every text has one token, every token one text, and a token is legal everywhere.
func TestTokenIsBijective(t *testing.T) {
	t.Parallel()
	texts := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z=.*> ]{0,8}`),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(t *rapid.T) {
		text := texts.Draw(t, "text")
		token := protocol.Token(text)
		if !legal.MatchString(token) {
			t.Fatalf("Token(%q) = %q, which is not legal", text, token)
		}
		if back, err := protocol.ParseToken(token); err != nil || back != text {
			t.Fatalf("ParseToken(%q) = %q, %v, want %q", token, back, err, text)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		token := rapid.StringMatching(`[A-Fa-f0-9=.-]{0,8}`).Draw(t, "token")
		if text, err := protocol.ParseToken(token); err == nil && protocol.Token(text) != token {
			t.Fatalf("%q and %q both mean %q", token, protocol.Token(text), text)
		}
	})
}

func TestToken(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "=",
		"order-42_b":              "order-42_b",
		"Ada Lovelace":            "Ada=20Lovelace",
		"shop.orders":             "shop=2Eorders",
		"=":                       "=3D",
		"*":                       "=2A",
		">":                       "=3E",
		"é":                       "=C3=A9",
		"a/b":                     "a=2Fb",
		strings.Repeat("x", 1000): strings.Repeat("x", 1000),
	} {
		if got := protocol.Token(text); got != want {
			t.Errorf("Token(%q) = %q, want %q", text, got, want)
		}
	}
	for _, token := range []string{"", "a.b", "=2", "=2e", "=41", "=G0", "a=", "==", "é", "a b"} {
		if text, err := protocol.ParseToken(token); err == nil {
			t.Errorf("ParseToken(%q) = %q, want an error", token, text)
		}
	}
}

// TestShard compares with what {{partition(n,1)}} of nats-server v2.15.2 answers for the escaped ID.
func TestShard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		workflow   string
		of8, of256 int
	}{
		{"", 0, 104},
		{"a", 4, 44},
		{"order-42", 4, 244},
		{"Ada Lovelace", 3, 115},
		{"été", 3, 163},
		{"shop/orders.7", 2, 154},
		{"=", 7, 223},
		{"*", 5, 61},
		{">", 4, 76},
		{"01936f2e-7b60-7c4a-9d3b-0f6a1c2d3e4f", 0, 96},
		{"日本語", 5, 245},
	} {
		if got := protocol.Shard(c.workflow, 8); got != c.of8 {
			t.Errorf("Shard(%q, 8) = %d, want %d", c.workflow, got, c.of8)
		}
		if got := protocol.Shard(c.workflow, 256); got != c.of256 {
			t.Errorf("Shard(%q, 256) = %d, want %d", c.workflow, got, c.of256)
		}
		if got := protocol.Shard(c.workflow, 1); got != 0 {
			t.Errorf("Shard(%q, 1) = %d", c.workflow, got)
		}
	}
}

// TestSubjects fixes every name on the wire; PROTOCOL.md promises them.
func TestSubjects(t *testing.T) {
	t.Parallel()
	ns := protocol.DefaultNamespace
	set, fired := ns.Wakeup(4, "a b")
	retrySet, retryFired := ns.RetryWakeup(4, "a b", runID, 5)
	for got, want := range map[string]string{
		ns.InboxStream(4):                    "MR_default_INBOX_4",
		ns.HistoryStream(4):                  "MR_default_HISTORY_4",
		ns.TimersStream(4):                   "MR_default_TIMERS_4",
		ns.TasksStream():                     "MR_default_TASKS",
		ns.DeadStream():                      "MR_default_DEAD",
		ns.Bucket("runs"):                    "MR_default_runs",
		ns.BlobStore():                       "MR_default_blobs",
		ns.Input(4, "start", "a b"):          "mr.default.in.4.start.a=20b",
		ns.Inputs(4):                         "mr.default.in.4.>",
		ns.History(4, "a b"):                 "mr.default.hist.4.a=20b",
		ns.Histories(4):                      "mr.default.hist.4.*",
		set:                                  "mr.default.timer.4.set.a=20b",
		fired:                                "mr.default.timer.4.fired.a=20b",
		retrySet:                             "mr.default.timer.4.set.a=20b." + runID + "-5",
		retryFired:                           "mr.default.timer.4.fired.a=20b." + runID + "-5",
		ns.Timers(4):                         "mr.default.timer.4.>",
		ns.FiredTimers(4):                    "mr.default.timer.4.fired.>",
		ns.ActivityTask("a b", "r", 5, 2):    "mr.default.task.activity.a=20b.r.5.2",
		ns.ActivityTasks("q", "r", 5):        "mr.default.task.activity.q.r.5.*",
		ns.ActivityTasks("q", "r", 0):        "mr.default.task.activity.q.r.*.*",
		ns.WorkflowTask("a b", "r", 7):       "mr.default.task.workflow.a=20b.r.7",
		ns.QueueTasks("workflow", "orders"):  "mr.default.task.workflow.orders.>",
		ns.Tasks():                           "mr.default.task.>",
		ns.TaskConsumer("activity", "a b"):   "activity-a=20b",
		protocol.TaskID(runID, 5, 2):         runID + "-5-2",
		ns.WorkflowTasks("a b"):              "mr.default.wft.a=20b",
		ns.WorkerTasks("a b", "w1"):          "mr.default.wft.a=20b.w1",
		ns.Queries("a=20b.w1"):               "mr.default.query.a=20b.w1",
		ns.Cancels("a b"):                    "mr.default.cancel.a=20b",
		ns.Closed(runID):                     "mr.default.closed." + protocol.RunFamily(runID) + "." + runID,
		ns.API("start"):                      "mr.default.api.start",
		ns.NodePing("n1"):                    "mr.default.node.n1",
		ns.NodeNews():                        "mr.default.nodes",
		ns.Dead(ns.InboxStream(4)):           "mr.default.dead.MR_default_INBOX_4",
		ns.DeadLetters():                     "mr.default.dead.>",
		protocol.RowKey("a b", runID):        "a=20b." + runID,
		protocol.LeaseKey(4):                 "shard.4",
		protocol.WorkerKey("a b", "w1"):      "a=20b.w1",
		protocol.HeartbeatKey(runID, 5):      runID + ".5",
		protocol.ConfigKey:                   "namespace",
		protocol.Namespace("eu").API("list"): "mr.eu.api.list",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestParseSubjects(t *testing.T) {
	t.Parallel()
	ns := protocol.DefaultNamespace
	rapid.Check(t, func(t *rapid.T) {
		workflow, shard := rapid.String().Draw(t, "workflow"), rapid.IntRange(0, 255).Draw(t, "shard")
		for _, subject := range []string{ns.Input(shard, protocol.KindSignal, workflow), ns.Direct(shard, protocol.KindSignal, workflow)} {
			kind, back, err := ns.ParseInput(subject)
			if err != nil || kind != protocol.KindSignal || back != workflow {
				t.Fatalf("ParseInput(%q) = %q, %q, %v", subject, kind, back, err)
			}
		}
		_, fired := ns.Wakeup(shard, workflow)
		_, retry := ns.RetryWakeup(shard, workflow, rapid.String().Draw(t, "run"), 5)
		for _, subject := range []string{fired, retry} {
			if back, err := ns.ParseFired(subject); err != nil || back != workflow {
				t.Fatalf("ParseFired(%q) = %q, %v", subject, back, err)
			}
		}
	})
	for _, subject := range []string{
		"", "mr.default.in", "mr.default.in.4.start", "mr.default.in.4.start.a.b", "mr.other.in.4.start.a", "mr.default.in.4.start.=z",
		"mr.default.in.4.start.", "xmr.default.in.4.start.a", "mr.default.hist.4.start.a", "mr.default.direct.4.start",
	} {
		if _, _, err := ns.ParseInput(subject); protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeBadRequest {
			t.Errorf("ParseInput(%q) reports %v", subject, err)
		}
		if _, err := ns.ParseFired(subject); err == nil {
			t.Errorf("ParseFired(%q) reports nothing", subject)
		}
	}
	if set, _ := ns.Wakeup(4, "a"); set != "" {
		if _, err := ns.ParseFired(set); err == nil {
			t.Error("a wake-up that has not fired passes for one that has")
		}
	}
}

// TestLongNames: a consumer's name has at most 255 bytes, whatever the queue is called, and stays unique.
func TestLongNames(t *testing.T) {
	t.Parallel()
	ns := protocol.DefaultNamespace
	a := ns.TaskConsumer(protocol.TaskActivity, strings.Repeat("語", 300)+"a")
	b := ns.TaskConsumer(protocol.TaskActivity, strings.Repeat("語", 300)+"b")
	if a == b || len(a) > 255 || !legal.MatchString(a) {
		t.Errorf("two long queues have the consumers %q and %q", a, b)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for id, ok := range map[string]bool{
		"": false, "a": true, "Ada Lovelace >*.": true, "\xff": false,
		strings.Repeat("x", protocol.MaxIDLength): true, strings.Repeat("x", protocol.MaxIDLength+1): false,
	} {
		if err := protocol.ValidateID("queue", id); (err == nil) != ok {
			t.Errorf("ValidateID(%.20q) = %v", id, err)
		}
	}
	for name, ok := range map[protocol.Namespace]bool{
		"": false, "default": true, "eu-1_b": true, "a.b": false, "é": false, "a b": false,
		protocol.Namespace(strings.Repeat("x", 64)): true, protocol.Namespace(strings.Repeat("x", 65)): false,
	} {
		if err := name.Validate(); (err == nil) != ok {
			t.Errorf("%q.Validate() = %v", name, err)
		}
	}
}
