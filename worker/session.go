package worker

import (
	"context"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
)

// holdSession is the activity that holds a session: it tells the workflow which queue is this worker's own, and ends when the session
// does, or the worker. A worker that dies ends it as well: the broker gives the task to another one, which finds that it has had its one
// attempt.
func (w *Worker) holdSession(ctx context.Context, hold protocol.SessionHold) (struct{}, error) {
	offer, err := protocol.Encode(protocol.SessionOffer{Queue: w.privateQueue(), Worker: w.identity})
	if err != nil {
		return struct{}{}, err
	}
	info := activity.Info(ctx)
	if offer, err = w.edge(ctx).Seal(offer); err != nil {
		return struct{}{}, err
	}
	name := protocol.SessionSignal(hold.ID)
	signal := protocol.SignalInput{Run: info.Run, Name: name, Input: offer, RequestID: name, Identity: w.identity}
	if err := w.store.Tell(ctx, info.Workflow, signal, name, ""); err != nil {
		return struct{}{}, err
	}
	select {
	case <-ctx.Done():
		return struct{}{}, ctx.Err()
	case <-w.draining:
		return struct{}{}, activity.Benign(protocol.Errorf(protocol.CodeNoWorker, "the worker %s stops", w.identity))
	}
}

func (w *Worker) privateQueue() string { return protocol.PrivateQueue(w.queue, w.identity) }
