package jetstream

import (
	"context"
	"sync"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// versionAge is how old what is known of a queue's current version may be.
const versionAge = time.Second

// versions remembers the current version of each queue for a moment: it is asked for in every step.
type versions struct {
	mu    sync.Mutex
	known map[string]knownVersion
}

type knownVersion struct {
	version string
	read    time.Time
}

// CurrentVersion is the version of the workers' code that is current on a queue; empty when none is. It may be a second old.
func (s *Store) CurrentVersion(ctx context.Context, queue string) (string, error) {
	s.versions.mu.Lock()
	v, ok := s.versions.known[queue]
	s.versions.mu.Unlock()
	if ok && time.Since(v.read) < versionAge {
		return v.version, nil
	}
	bucket := s.ns.Bucket(configBucket)
	ctx, cancel := bounded(ctx)
	defer cancel()
	e, err := s.lastOf(ctx, bucketStream(bucket), bucketKey(bucket, protocol.QueueConfigKey(queue)))
	if err != nil {
		return "", wrap(err)
	}
	var c protocol.QueueConfig
	if len(e.Data) > 0 {
		if err := protocol.Unmarshal(e.Data, &c); err != nil {
			return "", protocol.Errorf(protocol.CodeCorrupt, "the configuration of queue %q cannot be read: %v", queue, err)
		}
	}
	s.versions.put(queue, c.Current)
	return c.Current, nil
}

// SetCurrentVersion makes a version current on a queue. Nodes take a second to notice.
func (s *Store) SetCurrentVersion(ctx context.Context, queue, version string) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	c := protocol.QueueConfig{Current: version, Since: time.Now().UTC()}
	if err := s.put(configBucket, protocol.QueueConfigKey(queue), c)(ctx); err != nil {
		return err
	}
	s.versions.put(queue, version)
	return nil
}

func (v *versions) put(queue, version string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known == nil {
		v.known = make(map[string]knownVersion)
	}
	v.known[queue] = knownVersion{version, time.Now()}
}
