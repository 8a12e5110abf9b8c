package jetstream_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// streams lists every stream of the server: KV_ are buckets, OBJ_ object stores.
func streams(t *testing.T, js natsjs.JetStream) []string {
	t.Helper()
	var names []string
	list := js.StreamNames(t.Context())
	for name := range list.Name() {
		names = append(names, name)
	}
	must(t, list.Err())
	slices.Sort(names)
	return names
}

// The names are what operators look at and what permissions and backups are written for.
var golden = []string{
	"KV_MR_shop_config", "KV_MR_shop_heartbeats", "KV_MR_shop_leases", "KV_MR_shop_nodes", "KV_MR_shop_runs", "KV_MR_shop_workers",
	"MR_shop_DEAD",
	"MR_shop_HISTORY_0", "MR_shop_HISTORY_1", "MR_shop_HISTORY_2",
	"MR_shop_INBOX_0", "MR_shop_INBOX_1", "MR_shop_INBOX_2",
	"MR_shop_TASKS",
	"MR_shop_TIMERS_0", "MR_shop_TIMERS_1", "MR_shop_TIMERS_2",
	"OBJ_MR_shop_blobs",
}

func TestCreateMakesTheNamespaceOnce(t *testing.T) {
	t.Parallel()
	nc := connect(t, serve(t))
	js := plain(t, nc)
	for _, shards := range []int{3, 5, 0} { // the first one decides
		s, err := jetstream.Create(t.Context(), nc, "shop", jetstream.Options{Shards: shards})
		must(t, err)
		if s.Shards() != 3 || s.Namespace() != "shop" {
			t.Errorf("got %d shards of %q, want 3 of shop", s.Shards(), s.Namespace())
		}
		if got := streams(t, js); !slices.Equal(got, golden) {
			t.Errorf("the server holds\n%q, want\n%q", got, golden)
		}
	}
	tasks, err := js.Stream(t.Context(), "MR_shop_TASKS")
	must(t, err)
	if got := tasks.CachedInfo().State.Msgs; got != 1 {
		t.Errorf("the task stream holds %d messages, want the one that keeps it from being empty", got)
	}
}

func TestNodesMayCreateANamespaceAtOnce(t *testing.T) {
	t.Parallel()
	const nodes = 4
	srv := serve(t)
	stores := make([]*jetstream.Store, nodes)
	var race sync.WaitGroup
	for i := range nodes {
		nc := connect(t, srv)
		race.Go(func() {
			var err error
			if stores[i], err = jetstream.Create(t.Context(), nc, "shop", jetstream.Options{Shards: i + 1}); err != nil {
				t.Error(err)
			}
		})
	}
	race.Wait()
	if t.Failed() {
		return
	}
	for _, s := range stores {
		if got, want := s.Shards(), stores[0].Shards(); got != want {
			t.Errorf("one node sees %d shards, another %d", got, want)
		}
	}
}

func TestOpenFindsWhatWasCreated(t *testing.T) {
	t.Parallel()
	w := start(t)
	if got := w.other(t).Shards(); got != 1 {
		t.Errorf("got %d shards, want 1", got)
	}
	_, err := jetstream.Open(t.Context(), w.Conn(), "elsewhere")
	wantCode(t, err, protocol.CodeNoOrchestrator)
	if e := protocol.AsError(err); e.Hint == "" {
		t.Error("the error has no hint")
	}
	config, err := w.js.KeyValue(t.Context(), ns.Bucket("config"))
	must(t, err)
	_, err = config.PutString(t.Context(), protocol.ConfigKey, `{"shards":0}`)
	must(t, err)
	_, err = jetstream.Open(t.Context(), w.Conn(), ns)
	wantCode(t, err, protocol.CodeCorrupt)
}

func TestImpossibleNumbersOfShardsAreRefused(t *testing.T) {
	t.Parallel()
	nc := connect(t, serve(t))
	for _, shards := range []int{-1, 1025} {
		_, err := jetstream.Create(t.Context(), nc, "shop", jetstream.Options{Shards: shards})
		wantCode(t, err, protocol.CodeBadRequest)
	}
	if got := streams(t, plain(t, nc)); len(got) != 0 {
		t.Errorf("a refused namespace left %q", got)
	}
}

// A client may publish to inboxes. With a header it must not be able to wipe one, or to make the server publish for it.
func TestStreamsRefuseWhatWouldBreakThem(t *testing.T) {
	t.Parallel()
	w := start(t)
	task := ns.ActivityTask(queue, "run", 5, 1)
	_, err := w.js.Publish(t.Context(), task, nil)
	must(t, err)
	set, _ := ns.Wakeup(0, "wf")
	for name, m := range map[string]*nats.Msg{
		"a rollup of the inbox":   {Subject: ns.Input(0, protocol.KindSignal, "wf"), Header: nats.Header{"Nats-Rollup": {"all"}}},
		"a rollup of a history":   {Subject: ns.History(0, "wf"), Header: nats.Header{"Nats-Rollup": {"sub"}}},
		"an expiring input":       {Subject: ns.Input(0, protocol.KindSignal, "wf"), Header: nats.Header{"Nats-TTL": {"1s"}}},
		"an expiring record":      {Subject: ns.History(0, "wf"), Header: nats.Header{"Nats-TTL": {"1s"}}},
		"a schedule in the inbox": scheduled(ns.Input(0, protocol.KindSignal, "wf"), ns.History(0, "wf")),
		"a timer for a history":   scheduled(set, ns.History(0, "wf")),
		"a task that waits":       {Subject: task},
	} {
		if _, err := w.js.PublishMsg(t.Context(), m); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	seq := write(t, w.Store, "wf", "record", 0)
	history, err := w.js.Stream(t.Context(), ns.HistoryStream(0))
	must(t, err)
	if err := history.DeleteMsg(t.Context(), seq); err == nil {
		t.Error("a record was deleted")
	}
}

func scheduled(subject, target string) *nats.Msg {
	return &nats.Msg{Subject: subject, Header: nats.Header{
		"Nats-Schedule": {"@at 2100-01-01T00:00:00Z"}, "Nats-Schedule-Target": {target},
	}}
}

// What an operator changed stays changed: a node that starts has no opinion on what is there already. An update would, among
// others, give a replicated namespace's buckets the number of copies that this node was started with.
func TestWhatIsThereIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	w := start(t)
	names := []string{ns.HistoryStream(0), "KV_" + ns.Bucket("runs"), "KV_" + ns.Bucket("config"), "OBJ_" + ns.BlobStore()}
	for _, name := range names {
		stream, err := w.js.Stream(t.Context(), name)
		must(t, err)
		changed := stream.CachedInfo().Config
		changed.Description = "mine"
		_, err = w.js.UpdateStream(t.Context(), changed)
		must(t, err)
	}
	_, err := jetstream.Create(t.Context(), connect(t, w.srv), ns, jetstream.Options{Shards: 1})
	must(t, err)
	for _, name := range names {
		stream, err := w.js.Stream(t.Context(), name)
		must(t, err)
		if got := stream.CachedInfo().Config.Description; got != "mine" {
			t.Errorf("%s was changed back to %q", name, got)
		}
	}
}
