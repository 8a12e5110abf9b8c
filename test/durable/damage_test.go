package durable

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
)

// damages are what can happen to the last file of a stream.
var damages = map[string]func(r *rand.Rand, data []byte) []byte{
	"a flipped bit": func(r *rand.Rand, data []byte) []byte {
		data[r.IntN(len(data))] ^= 1 << r.IntN(8)
		return data
	},
	"a lost tail": func(r *rand.Rand, data []byte) []byte { return data[:len(data)-1-r.IntN(len(data)/4)] },
	"zeros at the end": func(r *rand.Rand, data []byte) []byte {
		clear(data[len(data)-1-r.IntN(len(data)/4):])
		return data
	},
}

// Files of streams are damaged while the server is down. Afterwards a run either ends as it should, or it is lost or quarantined, and an
// alarm says so. No run ends wrongly, and nothing happens twice.
func TestDamage(t *testing.T) {
	t.Parallel()
	whole := t.TempDir()
	n := prepare(t, whole)
	streams := []string{
		"MR_default_HISTORY_0", "MR_default_TASKS", "MR_default_INBOX_0", "MR_default_TIMERS_0", "KV_MR_default_runs", "KV_MR_default_leases",
	}
	if testing.Short() {
		streams = streams[:2]
	}
	for _, stream := range streams {
		for what, damage := range damages {
			t.Run(stream+" has "+what, func(t *testing.T) {
				t.Parallel()
				t.Logf("repeat with -seed %d", *seed)
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
					t.Fatal(err)
				}
				r := rand.New(rand.NewPCG(*seed, uint64(len(stream)+len(what))))
				damageLast(t, dir, stream, func(data []byte) []byte { return damage(r, data) })
				after(t, dir, n, strings.Contains(stream, "HISTORY") || strings.Contains(stream, "INBOX"))
			})
		}
	}
	t.Run("MR_default_TASKS has a header without an end", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		damageLast(t, dir, "MR_default_TASKS", func(data []byte) []byte { return endless(t, data) })
		if moved := after(t, dir, n, false); moved == "" {
			t.Error("NATS has opened a stream that used to be too much for it: where is it told that it may not?")
		}
	})
}

// endless damages what no checksum covers, the length of a header, of a message that was removed.
func endless(t *testing.T, data []byte) []byte {
	const hasHeader, lengths, removed = 1 << 31, 22, 1 << 62
	headers := make(map[uint64]int)
	for at := 0; at < len(data); {
		length, seq := binary.LittleEndian.Uint32(data[at:]), binary.LittleEndian.Uint64(data[at+4:])
		if length&hasHeader != 0 {
			headers[seq] = at + lengths + int(binary.LittleEndian.Uint16(data[at+lengths-2:]))
		}
		if header, ok := headers[seq&^removed]; ok && seq&removed != 0 {
			data[header+3] ^= 4
			return data
		}
		at += int(length &^ hasHeader)
	}
	t.Fatal("no task with a header was removed")
	return nil
}

// prepare has runs in every state: some that have ended, some that sleep, some that wait for a signal, some whose activity waits for its
// next attempt, some whose step or activity waits for a worker, and messages that nobody has read. It returns how many runs there are.
func prepare(t *testing.T, dir string) int {
	t.Helper()
	const n = 40
	e := rig.Start(t, rig.In(dir))
	stop := e.Work(t, work()...)
	c, err := client.New(e.Conn(), client.DefaultQueue(rig.Queue))
	if err != nil {
		t.Fatal(err)
	}
	start := func(i int) {
		t.Helper()
		if _, err := client.Start(t.Context(), c, Order, i, client.ID(orderID(i))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n / 2 {
		start(i)
		if i%2 == 0 {
			if err := approveIt(t.Context(), c, i); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := 0; i < n/4; i += 2 {
		if _, err := client.Get[int](c, orderID(i), "").Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i := n / 2; i < 3*n/4; i++ {
		start(i)
	}
	stop() // from now on nobody works
	for i := 3 * n / 4; i < n; i++ {
		start(i)
		if err := approveIt(t.Context(), c, i); err != nil {
			t.Fatal(err)
		}
	}
	e.Halt(t)
	return n
}

func streamDir(dir, stream string) string {
	return filepath.Join(dir, "nats", "jetstream", "$G", "streams", stream)
}

// damageLast changes the last file of a stream's messages that has any, and removes what could tell what was in it: a server that was killed
// may not have written its index.
func damageLast(t *testing.T, dir, stream string, change func([]byte) []byte) {
	t.Helper()
	var last string
	msgs := filepath.Join(streamDir(dir, stream), "msgs")
	entries, err := os.ReadDir(msgs)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(msgs, e.Name())
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.HasSuffix(path, ".blk") && info.Size() > 16:
			last = path
		case e.Name() == "index.db":
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	if last == "" {
		t.Skip("the stream has no messages: there is nothing to damage")
	}
	data, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(last, change(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// record is a log that can be searched.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps a line.
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) has(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Contains(r.text.String(), text)
}

// notOpened is what Millrace says when NATS cannot open a stream.
var notOpened = regexp.MustCompile(`NATS cannot open its files of the stream (\w+)`)

// after starts an engine on damaged files and sees what becomes of the runs. moved is the stream whose files had to be moved away first.
func after(t *testing.T, dir string, n int, mayLose bool) (moved string) {
	t.Helper()
	log := &record{}
	logged := func(o *orchestrator.Options) { o.Logger = slog.New(slog.NewTextHandler(log, nil)) }
	e, err := rig.Try(t, rig.In(dir), logged)
	if err != nil {
		why := notOpened.FindStringSubmatch(err.Error())
		if why == nil {
			t.Fatal(err)
		}
		moved = why[1]
		if err := os.Rename(streamDir(dir, moved), filepath.Join(t.TempDir(), moved)); err != nil {
			t.Fatal(err)
		}
		e = rig.Start(t, rig.In(dir), logged)
	}
	e.Work(t, work()...)
	c := e.Client()
	gone := 0
	for i := range n {
		id := orderID(i)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := approveIt(ctx, c, i)
		if err == nil || errors.Is(err, protocol.ErrClosed) {
			var got int
			got, err = client.Get[int](c, id, "").Wait(ctx)
			if err == nil && got != result(i) {
				t.Errorf("%s ends with %d, want %d", id, got, result(i))
			}
			if err == nil {
				err = once(ctx, c, id)
			}
		}
		cancel()
		switch {
		case err == nil:
		case errors.Is(err, protocol.ErrNotFound), errors.Is(err, protocol.ErrCorrupt):
			gone++
		default:
			t.Errorf("%s: %v", id, err)
		}
	}
	switch {
	case gone > 0 && !mayLose:
		t.Errorf("%d runs are gone, though their histories were not touched", gone)
	case gone > 0 && !log.has("ALARM"):
		t.Errorf("%d runs are gone, and there was no alarm", gone)
	}
	t.Logf("%d of %d runs are lost or quarantined; an alarm: %v; moved away: %q", gone, n, log.has("ALARM"), moved)
	return moved
}
