package aesgcm_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
	"github.com/millrace-dev/millrace/protocol/codec/aesgcm"
)

const (
	segment = 64 << 10
	sealed  = segment + 16
	// header is that of a file whose key has an ID of one byte.
	header = 4 + 1 + 1 + 32
)

func file(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	return data
}

func encrypt(t *testing.T, c codec.Codec, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := c.(codec.Stream).EncodeStream(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, iotestWriter{bytes.NewReader(plain)}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// iotestWriter hides that the reader can write itself, so that it is written in pieces.
type iotestWriter struct{ io.Reader }

// lying is a source of what lies in memory.
func lying(data []byte) codec.Source {
	return func(offset, length int64) (io.ReadCloser, error) {
		part := data[min(offset, int64(len(data))):]
		if length >= 0 {
			part = part[:min(length, int64(len(part)))]
		}
		return io.NopCloser(bytes.NewReader(part)), nil
	}
}

func decrypt(c codec.Codec, data []byte, offset, length int64) ([]byte, error) {
	r, err := c.(codec.Stream).DecodeStream(lying(data), offset, length)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestFilesComeBack(t *testing.T) {
	t.Parallel()
	c := sealer(t, "a", map[string][]byte{"a": key(1)})
	for _, size := range []int{0, 1, segment - 1, segment, segment + 1, 2 * segment, 3*segment + 5} {
		plain := file(size)
		data := encrypt(t, c, plain)
		if got, err := decrypt(c, data, 0, -1); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes come back as %d others, %v", size, len(got), err)
		}
		if want := header + size + 16*max((size+segment-1)/segment, 1); len(data) != want {
			t.Errorf("%d bytes are %d encrypted, want %d", size, len(data), want)
		}
		for _, offset := range []int{0, 1, segment - 1, segment, segment + 1, 2*segment + 1} {
			for _, length := range []int{0, 1, 16, segment, segment + 1} {
				if offset+length > size || offset == size && size > 0 {
					continue
				}
				got, err := decrypt(c, data, int64(offset), int64(length))
				if err != nil || !bytes.Equal(got, plain[offset:offset+length]) {
					t.Errorf("%d bytes from %d on of %d come back as %d others, %v", length, offset, size, len(got), err)
				}
			}
		}
	}
}

// Nothing of a file can be changed, moved, left out, added or cut off unnoticed.
func TestFileIsTamperedWith(t *testing.T) {
	t.Parallel()
	keys := map[string][]byte{"a": key(1), "b": key(1)}
	c := sealer(t, "a", keys, aesgcm.Context("shop"))
	plain := file(2*segment + 100)
	other := encrypt(t, c, plain)
	for name, tamper := range map[string]func(b []byte) []byte{
		"a bit":                func(b []byte) []byte { b[header+sealed+7] ^= 1; return b },
		"the salt":             func(b []byte) []byte { b[7] ^= 1; return b },
		"the key's name":       func(b []byte) []byte { b[5] = 'b'; return b },
		"cut in a segment":     func(b []byte) []byte { return b[:len(b)-1] },
		"cut between segments": func(b []byte) []byte { return b[:header+2*sealed] },
		"cut after the first":  func(b []byte) []byte { return b[:header+sealed] },
		"cut to the header":    func(b []byte) []byte { return b[:header] },
		"cut in the header":    func(b []byte) []byte { return b[:20] },
		"a segment left out":   func(b []byte) []byte { return slices.Delete(b, header, header+sealed) },
		"segments exchanged":   exchange,
		"a segment twice":      func(b []byte) []byte { return slices.Concat(b[:header+sealed], b[header:]) },
		"something added":      func(b []byte) []byte { return append(b, 0) },
		"the last one twice":   func(b []byte) []byte { return append(b, b[header+2*sealed:]...) },
		"a segment of another file": func(b []byte) []byte {
			return slices.Concat(b[:header], other[header:header+sealed], b[header+sealed:])
		},
		"the header of another file": func(b []byte) []byte { return slices.Concat(other[:header], b[header:]) },
		"no file":                    func([]byte) []byte { return nil },
	} {
		_, err := decrypt(c, tamper(encrypt(t, c, plain)), 0, -1)
		if e := protocol.AsError(err); e == nil || e.Code != protocol.CodeBadPayload {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := decrypt(sealer(t, "a", keys, aesgcm.Context("bank")), other, 0, -1); err == nil {
		t.Error("it was read in another context")
	}
	cut := other[:header+2*sealed] // the part is before the cut, but in what is now the last segment
	if _, err := decrypt(c, cut, segment+1, 10); err == nil {
		t.Error("a part was read of a file that is cut behind it")
	}
}

func exchange(b []byte) []byte {
	return slices.Concat(b[:header], b[header+sealed:header+2*sealed], b[header:header+sealed], b[header+2*sealed:])
}

func TestKeysOfFilesRotate(t *testing.T) {
	t.Parallel()
	plain := file(100_000)
	old := encrypt(t, sealer(t, "a", map[string][]byte{"a": key(1)}), plain)
	both := sealer(t, "b", map[string][]byte{"a": key(1), "b": key(2)})
	for _, data := range [][]byte{old, encrypt(t, both, plain)} {
		if got, err := decrypt(both, data, 0, -1); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d other bytes come back, %v", len(got), err)
		}
	}
	_, err := decrypt(sealer(t, "b", map[string][]byte{"b": key(2)}), old, 0, -1)
	if e := protocol.AsError(err); e == nil || !strings.Contains(e.Message, `"a"`) || e.Hint == "" {
		t.Errorf("without the key: %v", err)
	}
}

// The same file is another one each time.
func TestFilesHaveKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := sealer(t, "a", map[string][]byte{"a": key(1)})
	one, two := encrypt(t, c, file(200)), encrypt(t, c, file(200))
	if bytes.Equal(one[header:], two[header:]) {
		t.Error("two files of the same content are the same")
	}
}
