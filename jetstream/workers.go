package jetstream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// A worker's row lies in a bucket. It is written once and not refreshed: whether the worker is there is asked, by a ping. So it must come
// back by itself where it got lost: when the server was away and has forgotten it, or took the worker for gone, and when somebody
// removed it.
const (
	// rowLook is how often a worker looks whether its row is there.
	rowLook = 5 * time.Minute
	// rowMarker is how long the marker stays that a worker leaves in place of its row. It may not purge it: who may purge one row may purge
	// all of them.
	rowMarker = time.Minute
	// rowRetry is how long it waits when the row could not be written.
	rowRetry = 250 * time.Millisecond
)

// KeepWorker stores a worker's row and keeps it there until leave, which removes it.
func (s *Store) KeepWorker(ctx context.Context, w protocol.Worker) (leave func(context.Context) error, err error) {
	connected := s.nc.StatusChanged(nats.CONNECTED)
	if err := s.putWorker(ctx, w); err != nil {
		s.nc.RemoveStatusListener(connected)
		return nil, err
	}
	keeping, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.keepWorker(keeping, w, connected)
	}()
	return func(ctx context.Context) error {
		stop()
		<-ended
		s.nc.RemoveStatusListener(connected)
		return s.remove(ctx, workersBucket, protocol.WorkerKey(w.Queue, w.ID), natsjs.WithMsgTTL(rowMarker))
	}, nil
}

// keepWorker writes the row again when the connection is back, and when it is looked for and not there. The first is done without
// looking: somebody may be about to remove the row that is there, and spares a newer one.
func (s *Store) keepWorker(ctx context.Context, w protocol.Worker, connected <-chan nats.Status) {
	look := time.NewTimer(rowLook)
	defer look.Stop()
	for written := true; ; {
		select {
		case <-ctx.Done():
			return
		case <-connected:
			written = false
		case <-look.C:
			written = written && s.hasRow(ctx, w.Queue, w.ID)
		}
		wait := rowLook
		if !written {
			if written = s.putWorker(ctx, w) == nil; !written {
				wait = rowRetry
			}
		}
		look.Reset(wait)
	}
}

func (s *Store) putWorker(ctx context.Context, w protocol.Worker) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return s.putOwn(ctx, workersBucket, protocol.WorkerKey(w.Queue, w.ID), w)
}

// hasRow reports whether a worker's row is there, as any replica knows it: a worker is allowed to read its own row only, which the subject
// of a direct get says. If the replica lags, the row is written once more.
func (s *Store) hasRow(ctx context.Context, queue, worker string) bool {
	ctx, cancel := bounded(ctx)
	defer cancel()
	bucket := s.ns.Bucket(workersBucket)
	row, err := s.nc.RequestWithContext(ctx,
		s.api("DIRECT.GET."+bucketStream(bucket)+"."+bucketKey(bucket, protocol.WorkerKey(queue, worker))), nil)
	return err == nil && len(row.Data) > 0
}

// workerRow is the revision of a worker's row; zero if there is none, or it cannot be read.
func (s *Store) workerRow(ctx context.Context, queue, worker string) uint64 {
	bucket := s.ns.Bucket(workersBucket)
	e, err := s.lastOf(ctx, bucketStream(bucket), bucketKey(bucket, protocol.WorkerKey(queue, worker)))
	if err != nil || len(e.Data) == 0 {
		return 0
	}
	return e.Seq
}

func (s *Store) dropWorker(ctx context.Context, queue, worker string, opts ...natsjs.StreamPurgeOpt) error {
	bucket := s.ns.Bucket(workersBucket)
	subject := natsjs.WithPurgeSubject(bucketKey(bucket, protocol.WorkerKey(queue, worker)))
	return s.purge(ctx, bucketStream(bucket), append(opts, subject)...)
}

// PruneWorker removes the row of a worker if nobody listens for it.
func (s *Store) PruneWorker(ctx context.Context, queue, worker string) error {
	revision := s.workerRow(ctx, queue, worker)
	if revision == 0 {
		return nil
	}
	_, err := s.prune(ctx, queue, worker, revision)
	return err
}

// prune asks a worker for a sign of life. It removes the row that was read before that if the server says that nobody listens, and not if
// the worker is silent: it may only be frozen, and does not know what became of its row.
func (s *Store) prune(ctx context.Context, queue, worker string, revision uint64) (lives bool, err error) {
	if err = s.ping(ctx, s.ns.WorkerTasks(queue, worker)); errors.Is(err, nats.ErrNoResponders) {
		return false, s.dropWorker(ctx, queue, worker, natsjs.WithPurgeSequence(revision+1))
	}
	return err == nil, nil
}

// LiveWorkers lists the workers that listen right now, on one queue or, when it is empty, on all. Rows of workers that are
// gone are removed.
func (s *Store) LiveWorkers(ctx context.Context, queue string) ([]protocol.Worker, error) {
	var live []protocol.Worker
	for e, err := range s.entries(ctx, workersBucket) {
		if err != nil {
			return nil, err
		}
		var w protocol.Worker
		if protocol.Unmarshal(e.value, &w) != nil || queue != "" && w.Queue != queue || e.key != protocol.WorkerKey(w.Queue, w.ID) {
			continue // of another queue, or nothing that a worker has written
		}
		lives, err := s.prune(ctx, w.Queue, w.ID, e.revision)
		if err != nil {
			return nil, err
		}
		if lives {
			live = append(live, w)
		}
	}
	return live, nil
}

// ping asks whether somebody listens on a subject and answers. A process that is dead is reported by the server at once; one
// that is frozen or cut off, by silence.
func (s *Store) ping(ctx context.Context, subject string) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	_, err := s.nc.RequestWithContext(ctx, subject, nil)
	return err
}
