package worker

import (
	"context"
	"fmt"
	"io"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
)

// edge is where payloads come into the worker and leave it, for as long as ctx lasts.
func (w *Worker) edge(ctx context.Context) codec.Edge {
	e := codec.Edge{
		Codec: w.codec, Failures: w.encodeFailures, Threshold: w.blobThreshold, Strict: true,
		Put: func(data []byte) (protocol.Blob, error) { return w.store.PutBytes(ctx, data) },
		Get: func(b protocol.Blob) (io.ReadCloser, error) { return w.store.GetBlob(ctx, b) },
	}
	if w.store != nil { // histories are checked without one
		e.Room = w.store.MaxMessage() / 4
		e.Threshold = min(e.Threshold, e.Room)
	}
	return e
}

// files is where files come into the worker and leave it, for as long as ctx lasts.
func (w *Worker) files(ctx context.Context) codec.Files {
	return codec.Files{
		Codec: w.codec,
		Store: func(r io.Reader) (protocol.Blob, error) { return w.store.PutBlob(ctx, r) },
		Get: func(b protocol.Blob, offset, length int64) (io.ReadCloser, error) {
			return w.store.GetRange(ctx, b, offset, length)
		},
	}
}

// sealResult prepares what an activity came to for the way out, even if the worker is about to be cut off.
func (w *Worker) sealResult(
	ctx context.Context, result protocol.Payload, failure *protocol.Failure,
) (protocol.Payload, *protocol.Failure) {
	edge := w.edge(context.WithoutCancel(ctx))
	result, err := edge.Seal(result)
	if err == nil {
		err = edge.SealAll(&failure)
	}
	if err != nil {
		return protocol.Payload{}, protocol.NewFailure(fmt.Errorf("store the activity's result: %w", err))
	}
	return result, failure
}

// sealFailure prepares the failure of a step. The report of a change in the code quotes what the code asked for, so with a codec it is
// encoded in any case.
func (w *Worker) sealFailure(ctx context.Context, cause protocol.TaskFailedCause, f *protocol.Failure) *protocol.Failure {
	edge := w.edge(ctx)
	edge.Failures = edge.Failures || cause == protocol.CauseNonDeterministic
	if err := edge.SealAll(&f); err != nil {
		return protocol.NewFailure(fmt.Errorf("encode the step's failure: %w", err))
	}
	return f
}
