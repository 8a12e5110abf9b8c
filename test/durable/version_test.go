package durable

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
)

// stores were written by earlier versions, each with runs that have ended, that wait for a signal, for the next attempt of an activity and
// for a worker. One that has been in a release stays for ever.
var stores = []string{"store-2026-11-23.tar.gz"}

// A node reads whatever earlier versions wrote, and goes on with it.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	for _, name := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			unpack(t, filepath.Join("testdata", name), dir)
			e := rig.Start(t, rig.In(dir))
			e.Work(t, work()...)
			all := map[int]bool{}
			for i := range 8 {
				all[i] = true
			}
			promise{started: all, done: map[int]bool{0: true, 1: true}}.hold(t, e)
		})
	}
}

func unpack(t *testing.T, file, dir string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.Clean("/"+h.Name))
		if h.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// newer are records as a later version might write them.
var newer = map[string]func(protocol.Record) map[string]any{
	"a version": func(r protocol.Record) map[string]any {
		m := plain(r)
		m["v"], m["invented"] = protocol.RecordVersion+1, map[string]any{"a": 1}
		return m
	},
	"an event": func(r protocol.Record) map[string]any {
		m := plain(r)
		m["events"] = []map[string]any{{"id": r.Events[0].ID, "time": r.Time, "type": "Invented", "attributes": map[string]any{"a": 1}}}
		return m
	},
}

func plain(r protocol.Record) map[string]any {
	return map[string]any{
		"v": r.Version, "workflow_id": r.Workflow, "run_id": r.Run, "step": r.Step, "nonce": r.Nonce, "prev": r.Prev, "first": r.First,
		"time": r.Time, "events": r.Events,
	}
}

// A record of a later version lets its workflow wait, for a node of that version: nothing is written after it, what the workflow is told
// stays in its inbox, whoever asks hears why, and other workflows go on.
func TestNewerRecordWaits(t *testing.T) {
	t.Parallel()
	for what, later := range newer {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			e := rig.Start(t, rig.In(dir))
			stop := e.Work(t, work()...)
			rig.Run(t, e, Order, 1, client.ID(orderID(1)))
			e.Await(t, orderID(1), "TimerFired")
			rig.Until(t, "the step after the timer", func() bool {
				types := rig.Types(e.History(t, orderID(1)))
				return types[len(types)-1] == "WorkflowTaskCompleted"
			})
			stop()
			end := appendNewer(t, e, orderID(1), later)
			e.Halt(t)

			log := &record{}
			e = rig.Start(t, rig.In(dir), func(o *orchestrator.Options) { o.Logger = slog.New(slog.NewTextHandler(log, nil)) })
			e.Work(t, work()...)
			tellInbox(t, e, orderID(1))
			run := rig.Run(t, e, Order, 2, client.ID(orderID(2)))
			if err := approveIt(t.Context(), e.Client(), 2); err != nil {
				t.Fatal(err)
			}
			if got := rig.Result(t, run); got != result(2) {
				t.Errorf("another workflow ends with %d", got)
			}
			_, err := e.Client().Describe(t.Context(), orderID(1))
			if p := protocol.AsError(err); p == nil || p.Code != protocol.CodeUnsupported || p.Hint == "" {
				t.Errorf("who asks hears %v", err)
			}
			if last := lastOf(t, e, orderID(1)); last.Sequence != end {
				t.Errorf("something was written after the newer record: %d, want %d", last.Sequence, end)
			}
			if n := messages(t, e, protocol.DefaultNamespace.DeadStream()); n != 0 {
				t.Errorf("there are %d dead letters", n)
			}
			if messages(t, e, protocol.DefaultNamespace.InboxStream(0)) == 0 {
				t.Error("what the workflow was told is gone")
			}
			if log.has("quarantined") {
				t.Error("the workflow was quarantined")
			}
		})
	}
}

// appendNewer appends a record of a later version to a workflow's history, and returns its sequence.
func appendNewer(t *testing.T, e *rig.Engine, id string, later func(protocol.Record) map[string]any) uint64 {
	t.Helper()
	last := lastOf(t, e, id)
	var r protocol.Record
	if err := protocol.Unmarshal(last.Data, &r); err != nil {
		t.Fatal(err)
	}
	r.Prev, r.Step = protocol.Digest(last.Data), r.Step+1
	if r.First == 0 {
		r.First = last.Sequence
	}
	next := r.Events[len(r.Events)-1].ID + 1
	r.Events = []protocol.Event{{ID: next, Time: r.Time, Attributes: protocol.WorkflowExecutionSignaled{Name: "invented"}}}
	data, err := protocol.Marshal(later(r))
	if err != nil || !jsontext.Value(data).IsValid() {
		t.Fatal(err)
	}
	js, err := natsjs.New(e.Conn())
	if err != nil {
		t.Fatal(err)
	}
	ack, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: last.Subject, Data: data, Header: nats.Header{
		natsjs.ExpectedLastSubjSeqHeader: {strconv.FormatUint(last.Sequence, 10)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return ack.Sequence
}

func lastOf(t *testing.T, e *rig.Engine, id string) *natsjs.RawStreamMsg {
	t.Helper()
	m, err := stream(t, e, protocol.DefaultNamespace.HistoryStream(0)).
		GetLastMsgForSubject(t.Context(), protocol.DefaultNamespace.History(0, id))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func messages(t *testing.T, e *rig.Engine, name string) uint64 {
	t.Helper()
	return stream(t, e, name).CachedInfo().State.Msgs
}

func stream(t *testing.T, e *rig.Engine, name string) natsjs.Stream {
	t.Helper()
	js, err := natsjs.New(e.Conn())
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tellInbox tells a workflow something without waiting for an answer.
func tellInbox(t *testing.T, e *rig.Engine, id string) {
	t.Helper()
	js, err := natsjs.New(e.Conn())
	if err != nil {
		t.Fatal(err)
	}
	data, err := protocol.Marshal(protocol.SignalInput{Name: approve.Name(), RequestID: "later"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), protocol.DefaultNamespace.Input(0, protocol.KindSignal, id), data); err != nil {
		t.Fatal(err)
	}
}
