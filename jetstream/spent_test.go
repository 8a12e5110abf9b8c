package jetstream_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/protocol"
)

// The stream of tasks loses its end while the server is down, and gives the lost sequences out again. Whatever gets them must be delivered,
// also where the queue's consumer had delivered what lay there before, and nothing of it was acknowledged.
func TestQueueThatRemembersMoreThanItsStream(t *testing.T) {
	t.Parallel()
	o := embedded.Options{Dir: t.TempDir(), Sync: quickSync}
	begin := func() (*embedded.Server, *jetstream.Store) {
		srv, err := embedded.Start(o)
		must(t, err)
		t.Cleanup(srv.Close)
		nc := connect(t, srv)
		store, err := jetstream.Create(t.Context(), nc, ns, jetstream.Options{Shards: 1})
		must(t, err)
		return srv, store
	}
	srv, store := begin()
	ch := pull(t, store, 10)
	for _, run := range []string{"a", "b"} { // another queue's
		must(t, store.DispatchWorkflow(queue, protocol.QueuedWorkflowTask{Workflow: "wf", Run: run, ScheduledID: 1})(t.Context()))
	}
	dispatch(t, store, "c")
	next(t, ch, "the task of c")
	srv.Close()
	loseEnd(t, o.Dir, ns.TasksStream())

	_, store = begin()
	must(t, store.MendQueues(t.Context()))
	ch = pull(t, store, 10)
	for _, run := range []string{"d", "e", "f", "g"} {
		dispatch(t, store, run)
		task := next(t, ch, "the task of "+run)
		if want := ns.ActivityTask(queue, run, 5, 1); task.Subject() != want {
			t.Errorf("got %s, want %s", task.Subject(), want)
		}
		must(t, task.Ack())
	}
	must(t, store.MendQueues(t.Context())) // there is nothing to mend
	dispatch(t, store, "h")
	must(t, next(t, ch, "the task of h").Ack())
}

// loseEnd leaves only the first of a stream's messages, as a server finds them whose last writes were not flushed.
func loseEnd(t *testing.T, dir, stream string) {
	t.Helper()
	msgs := filepath.Join(dir, "nats", "jetstream", "$G", "streams", stream, "msgs")
	entries, err := os.ReadDir(msgs)
	must(t, err)
	for _, e := range entries {
		path := filepath.Join(msgs, e.Name())
		switch {
		case strings.HasSuffix(path, ".blk"):
			data, err := os.ReadFile(path)
			must(t, err)
			must(t, os.Truncate(path, int64(binary.LittleEndian.Uint32(data)))) // it begins with its length
		case e.Name() == "index.db":
			must(t, os.Remove(path))
		}
	}
}
