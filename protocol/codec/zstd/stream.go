package zstd

import (
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
)

// Files are compressed with a small window, so that many at once need little memory.
const (
	window    = 1 << 20
	maxWindow = 8 << 20 // what is written elsewhere may have a larger one
)

var _ codec.Stream = (*compressor)(nil)

// StreamEncoding implements [codec.Stream].
func (*compressor) StreamEncoding() string { return "zstd" }

// EncodeStream implements [codec.Stream]. The stream is one frame with a checksum, as the zstd command writes it.
func (*compressor) EncodeStream(w io.Writer) (io.WriteCloser, error) {
	return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
}

// DecodeStream implements [codec.Stream]. A part of a file is decompressed from the beginning. The limit of values does not hold for files,
// which are never in memory as a whole.
func (*compressor) DecodeStream(open codec.Source, offset, length int64) (io.ReadCloser, error) {
	r, err := open(0, -1)
	if err != nil {
		return nil, err
	}
	stored := &source{ReadCloser: r}
	d, err := zstd.NewReader(stored, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return codec.Skip(&reader{d, stored}, offset, length)
}

// source remembers what went wrong with what is read: that is not the decompressor's to tell.
type source struct {
	io.ReadCloser

	err error
}

// Read implements [io.Reader].
func (s *source) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// reader is a file that is decompressed.
type reader struct {
	d      *zstd.Decoder
	stored *source
}

// Read implements [io.Reader].
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.d.Read(p)
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return n, err
	case r.stored.err != nil:
		return n, r.stored.err
	}
	return n, protocol.Errorf(protocol.CodeBadPayload, "a compressed file cannot be decompressed: %v", err).WithHint("it is damaged")
}

// Close implements [io.Closer].
func (r *reader) Close() error {
	r.d.Close()
	return r.stored.Close()
}
