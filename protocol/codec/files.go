package codec

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/millrace-dev/millrace/protocol"
)

// Files is where files leave a program and come in. Out goes: encode, then store.
//
// It has no context of its own: Store and Get are closures over the caller's.
type Files struct {
	// Codec encodes and decodes; nil leaves files as they are. Each codec must be a [Stream].
	Codec Codec
	// Store stores what r delivers. When r fails, or the caller's context ends, it leaves nothing. For more of a pipe it must not wait when
	// the context has ended.
	Store func(r io.Reader) (protocol.Blob, error)
	// Get opens length stored bytes of a file from offset on, or all from there if length is negative.
	Get func(b protocol.Blob, offset, length int64) (io.ReadCloser, error)
}

// Put stores what r delivers.
func (f Files) Put(r io.Reader) (protocol.Blob, error) {
	if f.Codec == nil {
		return f.Store(r)
	}
	w, err := f.Create()
	if err != nil {
		return protocol.Blob{}, err
	}
	if _, err := io.Copy(w, r); err != nil {
		return protocol.Blob{}, errors.Join(err, w.Close())
	}
	return w.Commit()
}

// Open opens length bytes of a file from offset on, or all from there if length is negative. A part beyond the end is cut.
func (f Files) Open(b protocol.Blob, offset, length int64) (io.ReadCloser, error) {
	if offset < 0 {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "a file has no byte %d", offset)
	}
	offset = min(offset, b.Size)
	if length > b.Size-offset {
		length = -1
	}
	if length == 0 || offset == b.Size && offset > 0 {
		return io.NopCloser(strings.NewReader("")), nil
	}
	source, err := decoder(f.Codec, b, func(offset, length int64) (io.ReadCloser, error) { return f.Get(b, offset, length) })
	if err != nil {
		return nil, err
	}
	return source(offset, length)
}

// Create begins a file, which must be committed or closed.
func (f Files) Create() (*BlobWriter, error) {
	all, err := streams(f.Codec)
	if err != nil {
		return nil, err
	}
	r, pipe := io.Pipe()
	w := &BlobWriter{pipe: pipe, encoding: encoding(all), done: make(chan struct{})}
	w.buffer = bufio.NewWriterSize(pipe, writeBuffer)
	w.top = w.buffer
	for _, s := range slices.Backward(all) { // the first one encodes first
		encoder, err := s.EncodeStream(w.top)
		if err != nil {
			return nil, err
		}
		w.top, w.encoders = encoder, append([]io.Closer{encoder}, w.encoders...)
	}
	go func() {
		defer close(w.done)
		w.blob, w.err = f.Store(r)
		_ = r.CloseWithError(w.err) // never fails
	}()
	return w, nil
}

// writeBuffer is how many bytes small writes are collected to.
const writeBuffer = 64 << 10

// errAbandoned ends an upload that nobody commits.
var errAbandoned = errors.New("the file was closed before it was committed")

// BlobWriter writes a file to the object store, in constant memory. It is not safe for concurrent use.
//
// The file is there when Commit returns, and not at all otherwise: Close without Commit, or the end of the context that it was created
// with, leaves nothing. So defer Close, and Commit at the end.
type BlobWriter struct {
	pipe     *io.PipeWriter
	buffer   *bufio.Writer
	top      io.Writer
	encoders []io.Closer // first one first
	encoding string
	size     int64
	ended    bool

	done chan struct{} // closed when the two below are set
	blob protocol.Blob
	err  error
}

// Write implements [io.Writer]. It waits while as much is on its way to the disk as may be.
func (w *BlobWriter) Write(p []byte) (int, error) {
	n, err := w.top.Write(p)
	w.size += int64(n)
	return n, err
}

// Commit ends the file and returns its handle once all of it is stored.
func (w *BlobWriter) Commit() (protocol.Blob, error) {
	if w.ended {
		return protocol.Blob{}, protocol.Errorf(protocol.CodeClosed, "the file was committed or closed before")
	}
	for _, e := range w.encoders {
		if err := e.Close(); err != nil {
			return protocol.Blob{}, errors.Join(err, w.Close())
		}
	}
	if err := w.buffer.Flush(); err != nil {
		return protocol.Blob{}, errors.Join(err, w.Close())
	}
	w.end(nil)
	if w.err != nil || w.encoding == "" {
		return w.blob, w.err
	}
	b := w.blob
	b.Encoding, b.Stored, b.Size = w.encoding, b.Size, w.size
	return b, nil
}

// Close abandons the file unless it was committed. It may be called more than once.
func (w *BlobWriter) Close() error {
	if !w.ended {
		w.end(errAbandoned)
	}
	return nil
}

// end tells the upload that no more comes, and why, and waits for it.
func (w *BlobWriter) end(why error) {
	w.ended = true
	_ = w.pipe.CloseWithError(why) // never fails
	<-w.done
}
