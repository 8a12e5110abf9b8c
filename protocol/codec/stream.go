package codec

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/millrace-dev/millrace/protocol"
)

// Stream is a [Codec] that can also encode files, which are never in memory as a whole. It must be safe for concurrent use.
type Stream interface {
	Codec
	// StreamEncoding names in a handle what EncodeStream does: lower-case letters, digits and dashes.
	StreamEncoding() string
	// EncodeStream returns a writer that writes to w what the file becomes. Its Close ends the file and leaves w as it is.
	EncodeStream(w io.Writer) (io.WriteCloser, error)
	// DecodeStream opens length bytes of the file from offset on, or all from there if length is negative. What is stored is read with
	// stored, any part of it as often as it likes.
	DecodeStream(stored Source, offset, length int64) (io.ReadCloser, error)
}

// Source opens length bytes of something from offset on, or all from there if length is negative. A part beyond the end is cut.
type Source func(offset, length int64) (io.ReadCloser, error)

// streams are the codecs of a chain, as those of files. A codec that cannot encode files is an error: without it, a file would be stored
// that others can read.
func streams(c Codec) ([]Stream, error) {
	var all []Stream
	for _, one := range members(c) {
		s, ok := one.(Stream)
		if !ok {
			return nil, protocol.Errorf(protocol.CodeUnsupported, "the codec %T cannot encode files", one).
				WithHint("implement codec.Stream, or use a client or a worker without it for files")
		}
		all = append(all, s)
	}
	return all, nil
}

func members(c Codec) []Codec {
	switch c := c.(type) {
	case nil:
		return nil
	case chain:
		return c
	}
	return []Codec{c}
}

// encoding names a chain in a handle.
func encoding(all []Stream) string {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.StreamEncoding()
	}
	return strings.Join(names, "+")
}

// decoder is the source of a file that was encoded as a handle says, by any of the codecs that are at hand.
func decoder(c Codec, b protocol.Blob, stored Source) (Source, error) {
	if b.Encoding == "" {
		return stored, nil
	}
	for _, name := range slices.Backward(strings.Split(b.Encoding, "+")) {
		i := slices.IndexFunc(members(c), func(c Codec) bool {
			s, ok := c.(Stream)
			return ok && s.StreamEncoding() == name
		})
		if i < 0 {
			return nil, protocol.Errorf(protocol.CodeBadPayload, "the file %q is encoded with %q, and this program has not that codec",
				b.Name, name).WithHint("give the worker or the client the codecs that the file was written with")
		}
		s, from := members(c)[i].(Stream), stored //nolint:forcetypeassert // the one found is
		stored = func(offset, length int64) (io.ReadCloser, error) { return s.DecodeStream(from, offset, length) }
	}
	return stored, nil
}

// Skip reads from r what is before a part of a file, and returns the part. It is for codecs that can only begin at the beginning. Closing
// it closes r.
func Skip(r io.ReadCloser, offset, length int64) (io.ReadCloser, error) {
	if _, err := io.CopyN(io.Discard, r, offset); errors.Is(err, io.EOF) {
		length = 0
	} else if err != nil {
		return nil, errors.Join(fmt.Errorf("skip %d bytes: %w", offset, err), r.Close())
	}
	if length < 0 {
		return r, nil
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r, length), r}, nil
}
