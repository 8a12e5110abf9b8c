package jetstream_test

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

func objectOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return protocol.BlobName(sum[:])
}

// lay stores a message that refers to an object of that content.
func lay(t *testing.T, w *world, subject, content string) {
	t.Helper()
	body := `{"data":{"file":{"name":"` + objectOf(content) + `"}}}`
	_, err := w.js.PublishMsg(t.Context(), &nats.Msg{Subject: subject, Data: []byte(body)})
	must(t, err)
}

func referred(t *testing.T, w *world, place protocol.Place) (names []string) {
	t.Helper()
	for r, err := range w.References(t.Context(), place) {
		must(t, err)
		if r.Place != place || r.Subject == "" || r.Seq == 0 {
			t.Errorf("%s: %+v", place, r)
		}
		names = append(names, r.Name)
	}
	return names
}

// What a message refers to is found wherever it lies, and nothing is found where nothing is.
func TestReferencesInEachPlace(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, place := range protocol.Places() {
		if got := referred(t, w, place); len(got) != 0 {
			t.Errorf("%s refers to %v before anything is there", place, got)
		}
	}
	set, fired := ns.RetryWakeup(0, "wf", "run", 5)
	for subject, content := range map[string]string{
		"$KV." + ns.Bucket("heartbeats") + ".run.5": "heartbeats", set: "waits", fired: "fired",
		ns.ActivityTask("q", "run", 5, 1): "tasks", ns.Input(0, protocol.KindStart, "wf"): "inbox",
	} {
		lay(t, w, subject, content)
	}
	must(t, w.DeadLetter(t.Context(), protocol.Delivery{Subject: "any", Data: []byte("\x1f\x8bno gzip")}, protocol.ErrCorrupt))
	must(t, w.DeadLetter(t.Context(), protocol.Delivery{Subject: "any", Data: []byte(objectOf("dead"))}, protocol.ErrCorrupt))
	r := record("wf", "n")
	r.Blobs = []string{objectOf("history"), objectOf("history too")}
	_, err := w.Append(t.Context(), 0, r, []byte("{}"), 0)
	must(t, err)
	for place, want := range map[protocol.Place][]string{
		protocol.PlaceHeartbeats: {"heartbeats"}, protocol.PlaceTimers: {"fired", "waits"}, protocol.PlaceTasks: {"tasks"},
		protocol.PlaceInbox: {"inbox"}, protocol.PlaceDead: {"dead"}, protocol.PlaceHistory: {"history", "history too"},
	} {
		for i := range want {
			want[i] = objectOf(want[i])
		}
		got := referred(t, w, place)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s refers to %v, want %v", place, got, want)
		}
	}
}

// A record that refers to more than its header holds is read itself, compressed or not.
func TestReferencesOfALargeRecord(t *testing.T) {
	t.Parallel()
	w := start(t)
	r := record("wf", "n")
	for i := range 5000 {
		r.Blobs = append(r.Blobs, objectOf(strconv.Itoa(i)))
	}
	body, err := json.Marshal(r.Blobs)
	must(t, err)
	_, err = w.Append(t.Context(), 0, r, protocol.Pack(body), 0)
	must(t, err)
	if got := referred(t, w, protocol.PlaceHistory); !slices.Equal(got, r.Blobs) {
		t.Errorf("%d references are found, of %d", len(got), len(r.Blobs))
	}
}

// A backlog of more tasks than are read at once, some of which are done meanwhile: those that stay are found.
func TestReferencesOfABacklog(t *testing.T) {
	t.Parallel()
	w := start(t)
	const n = 1500
	for i := range n {
		lay(t, w, ns.ActivityTask("q", strconv.Itoa(i), 5, 1), strconv.Itoa(i))
	}
	seen := map[string]bool{}
	for r, err := range w.References(t.Context(), protocol.PlaceTasks) {
		must(t, err)
		seen[r.Name] = true
		if len(seen) == 100 {
			for i := 300; i < n-1; i += 3 {
				must(t, w.RemoveActivity(t.Context(), protocol.ActivityTask{Queue: "q", Run: strconv.Itoa(i), ScheduledID: 5, Attempt: 1}))
			}
		}
	}
	for i := range n {
		if gone := i >= 300 && i%3 == 0 && i < n-1; !gone && !seen[objectOf(strconv.Itoa(i))] {
			t.Fatalf("task %d was not found", i)
		}
	}
}

// The end of a history is removed while it is read: the reading ends all the same.
func TestReferencesOfWhatGoes(t *testing.T) {
	t.Parallel()
	w := start(t)
	const n = 5000
	var last uint64
	for i := range n {
		r := record("wf", strconv.Itoa(i))
		r.Blobs = []string{objectOf("it")}
		seq, err := w.Append(t.Context(), 0, r, []byte(r.Nonce), last)
		must(t, err)
		last = seq
	}
	found := 0
	for _, err := range w.References(t.Context(), protocol.PlaceHistory) {
		must(t, err)
		if found++; found == 10 {
			must(t, w.Purge(t.Context(), 0, "wf", last))
		}
	}
	if found < 10 || found > n {
		t.Errorf("%d references are found", found)
	}
}

// A blob is touched when it is old enough for that, and one that is not there is no trouble.
func TestKeepBlob(t *testing.T) {
	t.Parallel()
	w := start(t)
	b := put(t, w, noise(1000))
	before := infoOf(t, w, b)
	must(t, w.KeepBlob(t.Context(), b.Name, time.Hour))
	if infoOf(t, w, b) != before {
		t.Error("a young blob was touched")
	}
	must(t, w.KeepBlob(t.Context(), b.Name, 0))
	after := infoOf(t, w, b)
	if after.Revision <= before.Revision || after.Stored.Before(before.Stored) {
		t.Errorf("it was not touched: %+v, then %+v", before, after)
	}
	wantCode(t, w.DeleteBlob(t.Context(), before), protocol.CodeConflict)
	got, err := get(t, w, b)
	must(t, err)
	if len(got) != 1000 {
		t.Errorf("%d bytes are left of it", len(got))
	}
	must(t, w.DeleteBlob(t.Context(), after))
	must(t, w.KeepBlob(t.Context(), b.Name, 0))
	if n := w.blobMessages(t); n != 0 {
		t.Errorf("a blob that was deleted has %d messages after it was to be kept", n)
	}
}
