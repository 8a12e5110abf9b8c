package aesgcm

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
)

// A file is encrypted in segments, by the STREAM construction as age has it, so that any part can be read and none moved, left out, added
// or cut off unnoticed:
//
//	"MRA1" | length of the key's ID, 1 byte | the key's ID | salt, 32 bytes | segments
//
// The key of a file is HKDF-SHA256 of the ring's key and the salt, bound to the ID and to the context. A segment is 64 KiB of the file,
// the last one less or as much, sealed with AES-256-GCM under a nonce that is its number, 11 bytes, and a byte that says whether it is
// the last. Only the last segment of an empty file is empty.
const (
	magic    = "MRA1"
	saltSize = 32
	segment  = 64 << 10
	tagSize  = 16
	longest  = len(magic) + 1 + 255 + saltSize // of all headers
)

var _ codec.Stream = (*sealer)(nil)

// StreamEncoding implements [codec.Stream].
func (*sealer) StreamEncoding() string { return "aes-gcm" }

// EncodeStream implements [codec.Stream].
func (s *sealer) EncodeStream(w io.Writer) (io.WriteCloser, error) {
	id := s.ring.active
	if len(id) > 255 {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the key's ID %q is longer than 255 bytes", id)
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	aead, err := s.fileKey(id, salt)
	if err != nil {
		return nil, err
	}
	header := append(append(append([]byte(magic), byte(len(id))), id...), salt...) //nolint:gosec // <= 255
	if _, err := w.Write(header); err != nil {
		return nil, err
	}
	return &sealing{w: w, aead: aead, plain: make([]byte, 0, segment)}, nil
}

// fileKey derives the key of a file.
func (s *sealer) fileKey(id string, salt []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, s.ring.raw[id], salt, string(s.bound(id))+"\x00file", KeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// nonce is that of a segment.
func nonce(number uint64, last bool) []byte {
	n := make([]byte, 12)
	binary.BigEndian.PutUint64(n[3:11], number)
	if last {
		n[11] = 1
	}
	return n
}

// sealing is a file that is encrypted.
type sealing struct {
	w      io.Writer
	aead   cipher.AEAD
	number uint64
	plain  []byte
	sealed []byte
}

// Write implements [io.Writer].
func (s *sealing) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if len(s.plain) == segment { // there is more, so it is not the last
			if err := s.flush(false); err != nil {
				return n, err
			}
		}
		took := copy(s.plain[len(s.plain):segment], p)
		s.plain = s.plain[:len(s.plain)+took]
		p, n = p[took:], n+took
	}
	return n, nil
}

// Close implements [io.Closer].
func (s *sealing) Close() error { return s.flush(true) }

func (s *sealing) flush(last bool) error {
	s.sealed = s.aead.Seal(s.sealed[:0], nonce(s.number, last), s.plain, nil)
	s.number++
	s.plain = s.plain[:0]
	_, err := s.w.Write(s.sealed)
	return err
}

// DecodeStream implements [codec.Stream]. Of a part of a file the segments are read that it lies in.
func (s *sealer) DecodeStream(stored codec.Source, offset, length int64) (io.ReadCloser, error) {
	aead, start, err := s.header(stored)
	if err != nil {
		return nil, err
	}
	number := offset / segment
	from, to := start+number*(segment+tagSize), int64(-1)
	if length >= 0 {
		end := (offset+length+segment-1)/segment - number // segments
		to = max(end, 1)*(segment+tagSize) + 1            // and a byte that tells whether the last one is the file's last
	}
	r, err := stored(from, to)
	if err != nil {
		return nil, err
	}
	o := &opening{r: bufio.NewReaderSize(r, segment+tagSize+1), c: r, aead: aead, number: uint64(number)} //nolint:gosec // >= 0
	return codec.Skip(o, offset%segment, length)
}

// header reads the header of a file, and returns its key and where its segments begin.
func (s *sealer) header(stored codec.Source) (cipher.AEAD, int64, error) {
	r, err := stored(0, int64(longest))
	if err != nil {
		return nil, 0, err
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, 0, err
	}
	if len(data) <= len(magic) || string(data[:len(magic)]) != magic || len(data) < len(magic)+1+int(data[len(magic)])+saltSize {
		return nil, 0, protocol.Errorf(protocol.CodeBadPayload, "the file is not encrypted as its handle says")
	}
	data = data[len(magic)+1 : len(magic)+1+int(data[len(magic)])+saltSize]
	id, salt := string(data[:len(data)-saltSize]), data[len(data)-saltSize:]
	if s.ring.raw[id] == nil {
		return nil, 0, protocol.Errorf(protocol.CodeBadPayload, "a file is encrypted with key %q, and only %s is at hand",
			id, s.ring.ids()).WithHint("add the key to the ring of this program's aesgcm codec")
	}
	aead, err := s.fileKey(id, salt)
	return aead, int64(len(magic) + 1 + len(data)), err
}

// opening is a file that is decrypted.
type opening struct {
	r      *bufio.Reader
	c      io.Closer
	aead   cipher.AEAD
	number uint64
	sealed []byte
	plain  []byte
	last   bool
}

// Read implements [io.Reader].
func (o *opening) Read(p []byte) (int, error) {
	for len(o.plain) == 0 {
		if o.last {
			return 0, io.EOF
		}
		if err := o.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, o.plain)
	o.plain = o.plain[n:]
	return n, nil
}

// next decrypts a segment.
func (o *opening) next() error {
	if o.sealed == nil {
		o.sealed = make([]byte, segment+tagSize)
	}
	n, err := io.ReadFull(o.r, o.sealed)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		o.last = true
	case err != nil:
		return err
	default:
		if _, err := o.r.Peek(1); errors.Is(err, io.EOF) {
			o.last = true
		} else if err != nil {
			return err
		}
	}
	o.plain, err = o.aead.Open(o.sealed[:0], nonce(o.number, o.last), o.sealed[:n], nil)
	if err == nil && len(o.plain) == 0 && o.number > 0 {
		err = errors.New("an empty segment")
	}
	if err != nil {
		return protocol.Errorf(protocol.CodeBadPayload, "segment %d of an encrypted file cannot be decrypted", o.number).
			WithHint("it was changed or cut, belongs to another aesgcm.Context, or was written with another key of that ID")
	}
	o.number++
	return nil
}

// Close implements [io.Closer].
func (o *opening) Close() error { return o.c.Close() }
