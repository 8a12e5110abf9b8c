package durable

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/jetstream/backup"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
)

func fourShards(o *orchestrator.Options) { o.Shards = 4 }

// keep takes a backup of an engine's namespace.
func keep(t *testing.T, e *rig.Engine) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "backup")
	store, err := jetstream.Open(t.Context(), e.Conn(), protocol.DefaultNamespace)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Write(t.Context(), store, dir, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// restore restores a backup into an empty server, and returns that server's directory.
func restore(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	srv, err := embedded.Start(embedded.Options{Dir: dir, Sync: "10000h"})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	nc, err := srv.Conn()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := backup.Restore(t.Context(), nc, protocol.DefaultNamespace, from, backup.Options{}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Backups are taken while workflows run. Each of them has everything that was acknowledged before it began, and all of that ends.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	e := rig.Start(t, fourShards)
	e.Work(t, work()...)
	l, stop := load(t, e)
	type copied struct {
		dir string
		promise
	}
	var backups []copied
	n := 3
	if testing.Short() {
		n = 1
	}
	for i := range n {
		rig.Until(t, "runs", func() bool { return len(l.before(l.done, time.Now())) >= 60*(i+1) })
		p := l.promised(time.Now())
		backups = append(backups, copied{keep(t, e), p})
	}
	stop()
	e.Halt(t)
	for _, b := range backups {
		again := rig.Start(t, rig.In(restore(t, b.dir)))
		stopWork := again.Work(t, work()...)
		b.hold(t, again)
		stopWork()
		again.Halt(t)
	}
}

// What is large lies beside the records, and comes along.
func TestBackupHasBlobs(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	large := strings.Repeat("large ", 500_000)
	file, err := e.Client().PutBlob(t.Context(), strings.NewReader(large))
	if err != nil {
		t.Fatal(err)
	}
	from := keep(t, e)
	e.Halt(t)
	again := rig.Start(t, rig.In(restore(t, from)))
	r, err := again.Client().OpenBlob(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != large {
		t.Errorf("%d bytes came back, %v, want %d", len(got), err, len(large))
	}
}

// A backup that is not whole, or not what was written, is refused before anything is touched; and so is a restore over what is there.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	from := keep(t, e)
	refused := func(what string, code protocol.Code, ns protocol.Namespace, dir string, o backup.Options) {
		t.Helper()
		_, err := backup.Restore(t.Context(), e.Conn(), ns, dir, o)
		if p, ok := errors.AsType[*protocol.Error](err); !ok || p.Code != code || p.Hint == "" {
			t.Errorf("%s: got %v, want %s with a hint", what, err, code)
		}
	}
	refused("a node is there", protocol.CodeConflict, protocol.DefaultNamespace, from, backup.Options{Replace: true})
	refused("another namespace", protocol.CodeBadRequest, "other", from, backup.Options{})
	refused("no backup", protocol.CodeBadRequest, protocol.DefaultNamespace, t.TempDir(), backup.Options{})
	for what, change := range map[string]func([]byte) []byte{
		"a flipped bit": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"a lost tail":   func(b []byte) []byte { return b[:len(b)-10] },
		"nothing":       func([]byte) []byte { return nil },
	} {
		for _, file := range []string{"MR_default_HISTORY_0.snapshot", "manifest.json", "SHA256SUMS"} {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, file)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(data), 0o600); err != nil {
				t.Fatal(err)
			}
			refused(what+" in "+file, protocol.CodeCorrupt, protocol.DefaultNamespace, dir, backup.Options{Replace: true})
		}
	}
	if err := os.Remove(filepath.Join(from, "MR_default_TASKS.snapshot")); err != nil {
		t.Fatal(err)
	}
	refused("a missing file", protocol.CodeCorrupt, protocol.DefaultNamespace, from, backup.Options{})
}

// A restore takes the place of what is there only if it is told to, and brings back what was.
func TestRestoreReplaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := rig.Start(t, rig.In(dir), fourShards)
	e.Work(t, work()...)
	rig.Run(t, e, Item, 1, client.ID("before"))
	from := keep(t, e)
	rig.Run(t, e, Item, 1, client.ID("after"))
	e.Halt(t)
	srv, err := embedded.Start(embedded.Options{Dir: dir, Sync: "10000h"})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	nc, err := srv.Conn()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_, err = backup.Restore(t.Context(), nc, protocol.DefaultNamespace, from, backup.Options{})
	if !errors.Is(err, protocol.ErrConflict) {
		t.Fatalf("got %v, want a refusal", err)
	}
	if _, err := backup.Restore(t.Context(), nc, protocol.DefaultNamespace, from, backup.Options{Replace: true}); err != nil {
		t.Fatal(err)
	}
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := js.Stream(t.Context(), protocol.DefaultNamespace.HistoryStream(0)); err != nil || !info.CachedInfo().Config.DenyDelete {
		t.Errorf("the stream is not what it was: %v", err)
	}
	nc.Close()
	srv.Close()
	e = rig.Start(t, rig.In(dir))
	if _, err := e.Client().Describe(t.Context(), "before"); err != nil {
		t.Error(err)
	}
	if _, err := e.Client().Describe(t.Context(), "after"); !errors.Is(err, protocol.ErrNotFound) {
		t.Errorf("what came after the backup is there: %v", err)
	}
}
