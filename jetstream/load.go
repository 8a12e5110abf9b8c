package jetstream

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/protocol"
)

// Load tells what waits in the namespace, and how full the account's store is. MaxStored is zero when the account has no limit: that of
// the server is not told.
func (s *Store) Load(ctx context.Context) (protocol.Load, error) {
	l := protocol.Load{Inboxes: make([]protocol.Backlog, s.config.Shards)}
	group, ctx := errgroup.WithContext(ctx)
	for i := range l.Inboxes {
		group.Go(func() (err error) {
			l.Inboxes[i], err = s.backlog(ctx, s.ns.InboxStream(i))
			return err
		})
	}
	group.Go(func() (err error) {
		l.Tasks, err = s.backlog(ctx, s.ns.TasksStream())
		l.Tasks.Messages -= min(l.Tasks.Messages, 1) // one is there always
		return err
	})
	group.Go(func() (err error) {
		l.MaxBacklog, err = s.maxBacklog(ctx)
		return err
	})
	group.Go(func() error { return s.stores(ctx, &l) })
	return l, group.Wait()
}

func (s *Store) backlog(ctx context.Context, stream string) (protocol.Backlog, error) {
	state, err := s.state(ctx, stream)
	return protocol.Backlog{Messages: state.Msgs, Bytes: state.Bytes}, err
}

// stores tells how much the streams of the account take, and may take. An account may have a limit for each number of copies.
func (s *Store) stores(ctx context.Context, l *protocol.Load) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	a, err := s.js.AccountInfo(ctx)
	if err != nil {
		return wrap(err)
	}
	l.Stored = int64(a.Store) //nolint:gosec // a disk is smaller
	l.Limit(l.Stored, a.Limits.MaxStore)
	for _, tier := range a.Tiers {
		l.Limit(int64(tier.Store), tier.Limits.MaxStore) //nolint:gosec // as above
	}
	return nil
}

// maxBacklog is how much may wait in the namespace before new runs are refused.
func (s *Store) maxBacklog(ctx context.Context) (int, error) {
	var b protocol.BacklogConfig
	bucket := s.ns.Bucket(configBucket)
	e, err := s.lastOf(ctx, bucketStream(bucket), bucketKey(bucket, protocol.BacklogKey))
	if err != nil {
		return 0, wrap(err)
	}
	if len(e.Data) > 0 {
		decode(e.Data, &b) // what cannot be read limits nobody in a way that nobody chose
	}
	if b.Most <= 0 {
		b.Most = protocol.DefaultBacklog
	}
	return b.Most, nil
}

// SetMaxBacklog says how many tasks, and how many messages in the inboxes, may wait before new runs are refused.
func (s *Store) SetMaxBacklog(ctx context.Context, most int) error {
	if old, err := s.maxBacklog(ctx); err != nil || old == most {
		return err
	}
	return s.put(configBucket, protocol.BacklogKey, protocol.BacklogConfig{Most: most, Since: time.Now().UTC()})(ctx)
}

const (
	// inboxLook is for how long a look at an inbox counts.
	inboxLook = time.Second
	// inboxPatience is how long a look may take: the leader may have died, and whoever waits for its word could be stored meanwhile.
	inboxPatience = time.Second
)

// inboxSeen is what such a look has told. Whoever stores a start in an inbox, because no node takes it, looks first whether there is room:
// nobody else would keep it from filling the disk.
type inboxSeen struct {
	mu      sync.Mutex
	at      time.Time
	looking bool
	why     *protocol.Error
}

// known is what the last look has told, unless it is time for another.
func (i *inboxSeen) known() (why *protocol.Error, known bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.looking || time.Since(i.at) < inboxLook {
		return i.why, true
	}
	i.looking = true
	return nil, false
}

func (i *inboxSeen) note(why *protocol.Error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.at, i.looking, i.why = time.Now(), false, why
}

// inboxRefusal says why a start should not be stored in the inbox of a shard; nil when it should, or when nobody can tell.
func (s *Store) inboxRefusal(ctx context.Context, shard int) *protocol.Error {
	why, known := s.seen[shard].known()
	if !known {
		why = s.lookAtInbox(ctx, shard)
		s.seen[shard].note(why)
	}
	return why
}

func (s *Store) lookAtInbox(ctx context.Context, shard int) *protocol.Error {
	ctx, cancel := context.WithTimeout(ctx, inboxPatience)
	defer cancel()
	l := protocol.Load{Inboxes: make([]protocol.Backlog, s.config.Shards)}
	var err error
	if l.Inboxes[shard], err = s.backlog(ctx, s.ns.InboxStream(shard)); err != nil {
		return nil
	}
	if l.MaxBacklog, err = s.maxBacklog(ctx); err != nil {
		return nil
	}
	return l.Refusal(shard, 0)
}

// Time is what the clock of the server says that looks after the leases.
func (s *Store) Time(ctx context.Context) (time.Time, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	before := time.Now()
	stream, err := s.js.Stream(ctx, bucketStream(s.ns.Bucket(leasesBucket)))
	if err != nil {
		return time.Time{}, wrap(err)
	}
	return stream.CachedInfo().TimeStamp.Add(time.Since(before) / 2), nil // the answer was on its way
}
