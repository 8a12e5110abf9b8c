package protocol

import (
	"bytes"
	"compress/gzip"
	"io"
)

const (
	// packAbove is the size in bytes above which a body is compressed.
	packAbove = 256 << 10
	// unpackAtMost is the most that a body may be when it is unpacked: a message of a megabyte must not become one of a terabyte.
	unpackAtMost = 256 << 20
)

// Pack compresses a large JSON body with gzip, and leaves a small one as it is, to be read by people. A step with ten thousand commands
// takes three megabytes of JSON that is very much alike, and a message of a server with default settings has one. Records, workflow tasks
// and their answers are packed; [Unpack] tells by the first bytes.
func Pack(data []byte) []byte {
	if len(data) <= packAbove {
		return data
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return data
	}
	if _, err := w.Write(data); err != nil || w.Close() != nil {
		return data
	}
	if b.Len() >= len(data) {
		return data
	}
	return b.Bytes()
}

// Unpack undoes [Pack].
func Unpack(data []byte) ([]byte, error) {
	if len(data) < 2 || data[0] != 0x1f || data[1] != 0x8b {
		return data, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, Errorf(CodeCorrupt, "a compressed message cannot be read: %v", err)
	}
	out, err := io.ReadAll(io.LimitReader(r, unpackAtMost+1))
	switch {
	case err != nil:
		return nil, Errorf(CodeCorrupt, "a compressed message cannot be read: %v", err)
	case len(out) > unpackAtMost:
		return nil, Errorf(CodeTooLarge, "a compressed message holds more than %d MB", unpackAtMost>>20)
	}
	return out, nil
}
