package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// Write takes a backup of a namespace into a directory, which must be empty or missing. Tell hears now and then how far it has come; it may
// be nil.
func Write(ctx context.Context, store *jetstream.Store, dir string, tell func(Progress)) (Manifest, error) {
	if err := emptyDir(dir); err != nil {
		return Manifest{}, err
	}
	w := &writer{store: store, dir: dir, tell: tell, manifest: Manifest{
		Version: Version, Namespace: string(store.Namespace()), Began: time.Now().UTC(), Record: protocol.RecordVersion,
	}}
	if err := w.run(ctx); err != nil {
		return Manifest{}, err
	}
	return w.manifest, nil
}

func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	switch entries, err := os.ReadDir(dir); {
	case err != nil:
		return err
	case len(entries) > 0:
		return protocol.Errorf(protocol.CodeBadRequest, "%s is not empty", dir).
			WithHint("name a directory that is empty, or none that is there")
	}
	return nil
}

type writer struct {
	store    *jetstream.Store
	dir      string
	tell     func(Progress)
	manifest Manifest
	sums     strings.Builder

	total uint64 // bytes of all streams
	past  uint64 // bytes of those that are done
	bytes int64  // of files
}

func (w *writer) run(ctx context.Context) error {
	for shard := range w.store.Shards() { // before everything else
		p, err := w.store.Progress(ctx, shard)
		if err != nil {
			return err
		}
		w.manifest.Effects = append(w.manifest.Effects, p.Effects)
	}
	streams, sizes := w.store.Backed(), map[string]uint64{}
	for _, name := range streams {
		state, err := w.store.State(ctx, name)
		if err != nil {
			return err
		}
		sizes[name] = state.Bytes
		w.total += state.Bytes
	}
	for _, name := range streams {
		if err := w.stream(ctx, name, sizes[name]); err != nil {
			return err
		}
		w.past += sizes[name]
	}
	if err := w.described(ctx); err != nil {
		return err
	}
	w.manifest.Ended = time.Now().UTC()
	data, err := protocol.Marshal(w.manifest)
	if err != nil {
		return err
	}
	if err := w.file(manifestFile, func(to io.Writer) error { _, err := to.Write(data); return err }); err != nil {
		return err
	}
	return store(filepath.Join(w.dir, sumsFile), func(to io.Writer) error { _, err := io.WriteString(to, w.sums.String()); return err })
}

// stream takes one stream.
func (w *writer) stream(ctx context.Context, name string, size uint64) error {
	s := Stream{Name: name, File: name + ".snapshot"}
	err := w.file(s.File, func(to io.Writer) (err error) {
		s.Snapshot, err = w.store.Snapshot(ctx, name, counter{to, func(n int) {
			s.Bytes += int64(n)
			w.bytes += int64(n)
			if w.tell != nil {
				done := w.past + min(uint64(s.Bytes), size) //nolint:gosec // not negative
				w.tell(Progress{Stream: name, Part: float64(done) / float64(max(w.total, 1)), Bytes: w.bytes})
			}
		}})
		return err
	})
	if err != nil {
		return err
	}
	w.manifest.Streams = append(w.manifest.Streams, s)
	return nil
}

// described adds what was written anew of the last stream, which is that of objects, while it was read.
func (w *writer) described(ctx context.Context) (err error) {
	var state jetstream.SnapshotState
	last := w.manifest.Streams[len(w.manifest.Streams)-1]
	if err := protocol.Unmarshal(last.State, &state); err != nil {
		return err
	}
	w.manifest.Described, err = w.store.Described(ctx, state.Last)
	return err
}

// file writes a file of the backup, and notes its sum.
func (w *writer) file(name string, fill func(io.Writer) error) error {
	sum := sha256.New()
	if err := store(filepath.Join(w.dir, name), func(to io.Writer) error { return fill(both{to, sum}) }); err != nil {
		return err
	}
	w.sums.WriteString(hex.EncodeToString(sum.Sum(nil)) + "  " + name + "\n")
	return nil
}

// store writes a file and has it on the disk.
func store(path string, fill func(io.Writer) error) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the user's directory
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); !errors.Is(closed, fs.ErrClosed) {
			err = errors.Join(err, closed)
		}
	}()
	if err := fill(f); err != nil {
		return err
	}
	return f.Sync()
}

// both writes to a file and to its sum.
type both struct {
	file io.Writer
	sum  hash.Hash
}

// Write writes to both.
func (b both) Write(p []byte) (int, error) {
	b.sum.Write(p)
	return b.file.Write(p)
}

// counter says how many bytes pass.
type counter struct {
	to   io.Writer
	pass func(n int)
}

// Write passes them on.
func (c counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.pass(n)
	return n, err
}
