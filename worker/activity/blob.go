package activity

import (
	"context"
	"io"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
)

// OpenBlob opens a file in the namespace's object store. The caller closes it. It is read in constant memory, as fast as the caller
// reads, and until ctx ends. What was read is verified at the end: a file that is not what was stored ends with an error of code corrupt in
// place of io.EOF. A connection that is lost for some seconds does not interrupt the reading.
func OpenBlob(ctx context.Context, b protocol.Blob) (io.ReadCloser, error) {
	return openBlob(ctx, "activity.OpenBlob", b, 0, -1)
}

// OpenRange opens a part of a file: length bytes from offset on, or all from there if length is negative. A part beyond the end is cut to
// what there is. So an attempt that has reported in a heartbeat how far it came can go on from there.
//
// The digest of a file tells about the whole of it. Of a part it is verified that each chunk it lies in is the right one and of its length;
// where files are encrypted, also that each of its bytes is what was written. What is compressed is read from the beginning.
func OpenRange(ctx context.Context, b protocol.Blob, offset, length int64) (io.ReadCloser, error) {
	return openBlob(ctx, "activity.OpenRange", b, offset, length)
}

func openBlob(ctx context.Context, what string, b protocol.Blob, offset, length int64) (io.ReadCloser, error) {
	e, ok := envOf(ctx)
	if !ok {
		return nil, outside(what)
	}
	return e.Files(ctx).Open(b, offset, length)
}

// PutBlob stores what r delivers in the namespace's object store, in constant memory, and returns its handle. When r fails or ctx ends,
// nothing is left.
//
// A file is named after its content, so an attempt that stores what an earlier one has stored does no harm and takes no room. With a codec
// that encrypts, each is another file.
func PutBlob(ctx context.Context, r io.Reader) (protocol.Blob, error) {
	e, ok := envOf(ctx)
	if !ok {
		return protocol.Blob{}, outside("activity.PutBlob")
	}
	return e.Files(ctx).Put(r)
}

// CreateBlob begins a file in the namespace's object store, for code that wants an io.Writer. Commit returns its handle; until then it is
// not there. Close without Commit, and the end of ctx, leave nothing:
//
//	w, err := activity.CreateBlob(ctx)
//	if err != nil {
//		return protocol.Blob{}, err
//	}
//	defer w.Close()
//	if err := png.Encode(w, picture); err != nil {
//		return protocol.Blob{}, err
//	}
//	return w.Commit()
func CreateBlob(ctx context.Context) (*codec.BlobWriter, error) {
	e, ok := envOf(ctx)
	if !ok {
		return nil, outside("activity.CreateBlob")
	}
	return e.Files(ctx).Create()
}
