package jetstream

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// Backed are the streams of a namespace that a backup has, in the order in which it takes them. Each is taken at a moment of its own, while
// everything goes on, so what one refers to must come after it:
//
//   - An input is in its inbox until it is part of history, so the inbox comes before the history. An input that is in both is recognised:
//     its record lists it.
//   - A task, a waiting retry or a wake-up may go to and fro between streams, and be in none of them when they are taken. They follow from
//     history, and are made anew from it; so they come before it, and what is too old among them is passed over.
//   - What cannot be understood is a dead letter before it leaves the inbox, so the dead letters come after the inbox.
//   - An object is there before whatever refers to it, so the objects come last.
//
// The number of shards is what makes a namespace one, so it is restored last, though nothing depends on when it is taken. Leases and
// presence are of nodes and workers that are there. Rows are made from history.
func (s *Store) Backed() []string {
	each := func(of func(int) string) (all []string) {
		for shard := range s.config.Shards {
			all = append(all, of(shard))
		}
		return all
	}
	return slices.Concat(
		[]string{bucketStream(s.ns.Bucket(configBucket)), bucketStream(s.ns.Bucket(heartbeatsBucket))},
		each(s.ns.TimersStream), []string{s.ns.TasksStream()}, each(s.ns.InboxStream), each(s.ns.HistoryStream),
		[]string{s.ns.DeadStream(), s.blobStream()})
}

// Description is what describes an object of the object store.
type Description struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// Described are the descriptions of objects that were written after a sequence of the object store. Whoever keeps an object writes its
// description anew, so one may leave the stream while that is being read, and come back behind the place up to which it is read.
func (s *Store) Described(ctx context.Context, after uint64) ([]Description, error) {
	var found []Description
	for d, err := range s.scan(ctx, s.blobStream(), s.metaSubjects(), after+1, true) {
		if err != nil {
			return nil, wrap(err)
		}
		var o natsjs.ObjectInfo
		if json.Unmarshal(d.Data, &o) == nil && o.NUID != "" && !o.Deleted {
			found = append(found, Description{Name: o.Name, Data: d.Data})
		}
	}
	return found, nil
}

// Redescribe writes the descriptions that are missing of objects whose chunks are there.
func (s *Store) Redescribe(ctx context.Context, all []Description) error {
	for _, d := range all {
		is, err := s.object(ctx, d.Name)
		if err != nil {
			return err
		}
		var o natsjs.ObjectInfo
		if err := json.Unmarshal(d.Data, &o); err != nil {
			return err
		}
		chunks, err := s.countChunks(ctx, o.NUID)
		if err != nil {
			return err
		}
		if !is.gone() || chunks != uint64(o.Chunks) { // it was stored after the backup had come there
			continue
		}
		if err := s.describe(ctx, o, is.revision); err != nil {
			return err
		}
	}
	return nil
}

// Remains is a namespace of which only parts may be there: to see what there is, to remove it, or to restore it.
type Remains struct{ *Store }

// Find looks for a namespace, whole or not.
func Find(nc *nats.Conn, ns protocol.Namespace) (Remains, error) {
	if err := ns.Validate(); err != nil {
		return Remains{}, err
	}
	s, err := newStore(nc, ns)
	return Remains{s}, err
}

// Streams are the streams of the namespace that are there.
func (r Remains) Streams(ctx context.Context) ([]string, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	mine := regexp.MustCompile("^(MR_" + regexp.QuoteMeta(string(r.ns)) + `_(TASKS|DEAD|(INBOX|HISTORY|TIMERS)_\d+)` +
		"|KV_MR_" + regexp.QuoteMeta(string(r.ns)) + "_(" + strings.Join(allBuckets, "|") + ")|" + r.blobStream() + ")$")
	names := r.js.StreamNames(ctx)
	var found []string
	for name := range names.Name() {
		if mine.MatchString(name) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found, wrap(names.Err())
}

// Configuration is the stream that makes a namespace of what there is.
func (r Remains) Configuration() string { return bucketStream(r.ns.Bucket(configBucket)) }

// Owner names a node of the namespace that is alive; empty when there is none.
func (r Remains) Owner(ctx context.Context) (string, error) {
	streams, err := r.Streams(ctx)
	if err != nil || !slices.Contains(streams, bucketStream(r.ns.Bucket(nodesBucket))) {
		return "", err
	}
	nodes, err := r.Nodes(ctx)
	if err != nil {
		return "", err
	}
	for _, n := range nodes {
		if r.Alive(ctx, n.ID) {
			return n.ID, nil
		}
	}
	return "", nil
}

// Remove removes the namespace's streams, for good. The one that makes it a namespace goes first.
func (r Remains) Remove(ctx context.Context) error {
	streams, err := r.Streams(ctx)
	if err != nil {
		return err
	}
	if i := slices.Index(streams, r.Configuration()); i > 0 {
		streams[0], streams[i] = streams[i], streams[0]
	}
	for _, name := range streams {
		if err := r.js.DeleteStream(ctx, name); err != nil {
			return wrap(err)
		}
	}
	return nil
}

// Prepare makes what is not restored, so that a node that finds the namespace's configuration finds it whole: leases that say of each shard
// up to which record its effects were performed when the backup began, and that everything is to be looked after. Call it before the
// configuration is restored, and [Create] afterwards.
func (r Remains) Prepare(ctx context.Context, effects []uint64, replicas int) error {
	r.config.Shards = len(effects)
	for _, cfg := range r.buckets(replicas) {
		if err := r.bucket(ctx, cfg); err != nil {
			return wrap(err)
		}
	}
	for shard, upTo := range effects {
		end, err := r.HistoryEnd(ctx, shard)
		if err != nil {
			return err
		}
		// The inbox is older than the history: sequences that records have consumed must not be given out again.
		consumed, err := r.Consumed(ctx, shard, upTo+1)
		if err != nil {
			return err
		}
		if err := r.SkipInputs(ctx, shard, consumed); err != nil {
			return err
		}
		tails, err := r.Tails(ctx, shard)
		if err != nil {
			return err
		}
		if err := r.PutProgress(ctx, shard, protocol.Progress{Effects: min(upTo, end), Recheck: end, Tails: tails}); err != nil {
			return err
		}
	}
	return nil
}
