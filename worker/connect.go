package worker

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// New returns a worker for a task queue, with the workflows and activities that its options register. The connection stays
// the caller's: it must be open while the worker runs. One that was made with [jetstream.Gather] carries more. Mistakes in the options are
// reported by [Worker.Run].
func New(nc *nats.Conn, queue string, opts ...Option) *Worker {
	return newWorker(queue, opts, func(ctx context.Context, ns protocol.Namespace) (Store, error) {
		s, err := jetstream.Open(ctx, nc, ns)
		return natsStore{s}, err
	})
}

// natsStore is the adapter of JetStream with this package's own types in place of its.
type natsStore struct{ *jetstream.Store }

// AckWait implements [Store].
func (natsStore) AckWait() time.Duration { return jetstream.AckWait }

// Pull implements [Store].
func (s natsStore) Pull(ctx context.Context, kind protocol.TaskKind, q TaskQueue, handle func(Task)) (Puller, error) {
	o := jetstream.PullOptions{Slots: q.Slots, Aside: q.Aside, Private: q.Private}
	return s.PullTasks(ctx, kind, q.Name, o, func(t *jetstream.Task) { handle(t) })
}
