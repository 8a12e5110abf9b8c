package backup

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// Options say how to restore.
type Options struct {
	// Replace removes what is there of the namespace. Otherwise nothing may be there.
	Replace bool
	// Replicas is how many copies NATS keeps of the streams. Zero: as many as it kept of the original.
	Replicas int
	// Tell hears now and then how far it has come. May be nil.
	Tell func(Progress)
}

// Restore makes a namespace anew from a backup. No node may work on it. A restore that fails leaves no namespace, and what it leaves of
// one is replaced by another.
func Restore(ctx context.Context, nc *nats.Conn, ns protocol.Namespace, dir string, o Options) (Manifest, error) {
	m, err := Read(dir)
	if err != nil {
		return m, err
	}
	if string(ns) != m.Namespace {
		return m, protocol.Errorf(protocol.CodeBadRequest,
			"the backup is of namespace %q, and its messages lie on that namespace's subjects", m.Namespace).
			WithHint("restore it with -n %s; another account, or another NATS, can have a namespace of the same name", m.Namespace)
	}
	r := &restorer{dir: dir, Options: o, manifest: m}
	if r.there, err = jetstream.Find(nc, ns); err != nil {
		return m, err
	}
	replicas, err := r.replicas()
	if err != nil {
		return m, err
	}
	if replicas > 1 && nc.ConnectedClusterName() == "" {
		return m, protocol.Errorf(protocol.CodeBadRequest, "%d copies of each stream need a cluster, and this is one server", replicas).
			WithHint("--replicas 1 restores it with one, or connect to a cluster")
	}
	if err := r.makeRoom(ctx); err != nil {
		return m, err
	}
	return m, r.run(ctx, nc, ns, replicas)
}

type restorer struct {
	Options

	dir      string
	manifest Manifest
	there    jetstream.Remains
	bytes    int64
}

// makeRoom sees to it that nothing is there.
func (r *restorer) makeRoom(ctx context.Context) error {
	ns := r.there.Namespace()
	node, err := r.there.Owner(ctx)
	if err != nil {
		return err
	}
	if node != "" {
		return protocol.Errorf(protocol.CodeConflict, "node %s works on namespace %q", node, string(ns)).WithHint("stop every node first")
	}
	streams, err := r.there.Streams(ctx)
	switch {
	case err != nil || len(streams) == 0:
		return err
	case !r.Replace:
		return protocol.Errorf(protocol.CodeConflict,
			"namespace %q is there already, with %d streams such as %s", string(ns), len(streams), streams[0]).
			WithHint("--replace removes it first, for good; `millrace backup DIR` keeps it")
	}
	return r.there.Remove(ctx)
}

func (r *restorer) run(ctx context.Context, nc *nats.Conn, ns protocol.Namespace, replicas int) error {
	config := slices.IndexFunc(r.manifest.Streams, func(s Stream) bool { return s.Name == r.there.Configuration() })
	if config < 0 {
		return damaged(r.dir, "it has no %s", r.there.Configuration())
	}
	for i, s := range r.manifest.Streams {
		if i == config {
			continue
		}
		if err := r.stream(ctx, s); err != nil {
			return err
		}
	}
	if err := r.there.Redescribe(ctx, r.manifest.Described); err != nil {
		return err
	}
	if err := r.there.Prepare(ctx, r.manifest.Effects, replicas); err != nil {
		return err
	}
	if err := r.stream(ctx, r.manifest.Streams[config]); err != nil {
		return err
	}
	_, err := jetstream.Create(ctx, nc, ns, jetstream.Options{Replicas: replicas})
	return err
}

// replicas is how many copies of everything there are to be.
func (r *restorer) replicas() (int, error) {
	if r.Replicas > 0 {
		return r.Replicas, nil
	}
	var c struct {
		Replicas int `json:"num_replicas"`
	}
	err := protocol.Unmarshal(r.manifest.Streams[0].Config, &c)
	return max(c.Replicas, 1), err
}

// stream restores one stream.
func (r *restorer) stream(ctx context.Context, s Stream) error {
	if r.Replicas > 0 {
		config := map[string]jsontext.Value{}
		if err := protocol.Unmarshal(s.Config, &config); err != nil {
			return err
		}
		n, err := protocol.Marshal(r.Replicas)
		if err != nil {
			return err
		}
		config["num_replicas"] = n
		if s.Config, err = protocol.Marshal(config); err != nil {
			return err
		}
	}
	f, err := os.Open(filepath.Join(r.dir, s.File))
	if err != nil {
		return err
	}
	defer f.Close()
	return r.there.RestoreStream(ctx, s.Name, s.Snapshot, io.TeeReader(f, counter{io.Discard, func(n int) {
		r.bytes += int64(n)
		if r.Tell != nil {
			r.Tell(Progress{Stream: s.Name, Part: float64(r.bytes) / float64(max(r.manifest.Bytes(), 1)), Bytes: r.bytes})
		}
	}}))
}
