package activity

import (
	"context"
	"io"

	"github.com/millrace-dev/millrace/protocol"
)

// OpenBlob opens a file in the namespace's object store. The caller closes it. What was read is verified at the end: a file
// that is not what was stored ends with an error in place of io.EOF.
func OpenBlob(ctx context.Context, b protocol.Blob) (io.ReadCloser, error) {
	e, ok := envOf(ctx)
	if !ok {
		return nil, outside("activity.OpenBlob")
	}
	return e.OpenBlob(ctx, b)
}

// PutBlob stores what r delivers in the namespace's object store, in constant memory. A file is named after its content, so an attempt that
// stores what an earlier one has stored does no harm.
func PutBlob(ctx context.Context, r io.Reader) (protocol.Blob, error) {
	e, ok := envOf(ctx)
	if !ok {
		return protocol.Blob{}, outside("activity.PutBlob")
	}
	return e.PutBlob(ctx, r)
}
