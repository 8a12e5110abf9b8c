package codec_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
	"github.com/millrace-dev/millrace/protocol/codec/aesgcm"
	"github.com/millrace-dev/millrace/protocol/codec/zstd"
)

// shelf is an object store in memory.
type shelf struct {
	mu     sync.Mutex
	stored map[string][]byte
}

func (s *shelf) PutBlob(ctx context.Context, r io.Reader) (protocol.Blob, error) {
	if pipe, ok := r.(*io.PipeReader); ok {
		release := context.AfterFunc(ctx, func() { _ = pipe.CloseWithError(ctx.Err()) })
		defer release()
	}
	data, err := io.ReadAll(r)
	if err != nil || ctx.Err() != nil {
		return protocol.Blob{}, errors.Join(err, ctx.Err())
	}
	sum := sha256.Sum256(data)
	b := protocol.Blob{Name: protocol.BlobName(sum[:]), Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored[b.Name] = data
	return b, nil
}

func (s *shelf) GetRange(_ context.Context, b protocol.Blob, offset, length int64) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data := s.stored[b.Name]
	data = data[min(offset, int64(len(data))):]
	if length >= 0 {
		data = data[:min(length, int64(len(data)))]
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (s *shelf) files(ctx context.Context, codecs ...codec.Codec) codec.Files {
	return codec.Files{
		Codec: codec.Chain(codecs...),
		Store: func(r io.Reader) (protocol.Blob, error) { return s.PutBlob(ctx, r) },
		Get: func(b protocol.Blob, offset, length int64) (io.ReadCloser, error) {
			return s.GetRange(ctx, b, offset, length)
		},
	}
}

func files(codecs ...codec.Codec) (codec.Files, *shelf) {
	s := &shelf{stored: map[string][]byte{}}
	f := s.files(context.Background(), codecs...)
	return f, s
}

func read(t testing.TB, f codec.Files, b protocol.Blob, offset, length int64) ([]byte, error) {
	t.Helper()
	r, err := f.Open(b, offset, length)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// Whatever the codecs, the file and the part, it comes back.
func TestFilesThroughCodecs(t *testing.T) {
	t.Parallel()
	aes := aesgcm.New(ring(t, "k1"))
	for name, codecs := range map[string][]codec.Codec{"": nil, "zstd": {zstd.New()}, "aes-gcm": {aes}, "zstd+aes-gcm": {zstd.New(), aes}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, s := files(codecs...)
			rapid.Check(t, func(r *rapid.T) {
				size := rapid.SampledFrom([]int{0, 1, 1000, 65535, 65536, 65537, 131072, 200_000}).Draw(r, "size")
				plain := []byte(strings.Repeat(secret+string(rune('a'+size%7)), size/len(secret)+1))[:size]
				b, err := f.Put(bytes.NewReader(plain))
				if err != nil {
					r.Fatal(err)
				}
				if b.Encoding != name || b.Size != int64(size) || b.StoredSize() != int64(len(s.stored[b.Name])) {
					r.Fatalf("the handle is %+v", b)
				}
				if name != "" && size > 1000 && bytes.Contains(s.stored[b.Name], []byte(secret+secret)) {
					r.Fatal("it is stored as it is")
				}
				offset := rapid.IntRange(0, size+10).Draw(r, "offset")
				length := rapid.IntRange(-1, size+10).Draw(r, "length")
				want := plain[min(offset, size):]
				if length >= 0 {
					want = want[:min(length, len(want))]
				}
				got, err := read(t, f, b, int64(offset), int64(length))
				if err != nil || !bytes.Equal(got, want) {
					r.Fatalf("it comes back as %d bytes, %v, want %d", len(got), err, len(want))
				}
			})
		})
	}
}

// A file that was stored before there was a codec is read with one, and without the codec it is an error that says what is missing.
func TestFilesOfOthers(t *testing.T) {
	t.Parallel()
	bare, s := files()
	b, err := bare.Put(strings.NewReader("tea"))
	if err != nil {
		t.Fatal(err)
	}
	sealing := s.files(t.Context(), zstd.New(), aesgcm.New(ring(t, "k1")))
	if got, err := read(t, sealing, b, 0, -1); err != nil || string(got) != "tea" {
		t.Errorf("got %q, %v", got, err)
	}
	if b, err = sealing.Put(strings.NewReader("tea")); err != nil {
		t.Fatal(err)
	}
	_, err = read(t, bare, b, 0, -1)
	if e := protocol.AsError(err); e == nil || e.Code != protocol.CodeBadPayload || !strings.Contains(e.Message, "aes-gcm") || e.Hint == "" {
		t.Errorf("without the codec: %v", err)
	}
	if _, err := sealing.Open(b, -1, 1); protocol.AsError(err) == nil {
		t.Error("there is a byte -1")
	}
}

// valuesOnly is a codec that knows nothing of files.
type valuesOnly struct{ codec.Codec }

// A file is not stored readable because a codec cannot encode it.
func TestCodecWithoutFiles(t *testing.T) {
	t.Parallel()
	f, s := files(zstd.New(), valuesOnly{aesgcm.New(ring(t, "k1"))})
	_, err := f.Put(strings.NewReader(secret))
	if e := protocol.AsError(err); e == nil || e.Code != protocol.CodeUnsupported || len(s.stored) != 0 {
		t.Errorf("got %v, and %d objects", err, len(s.stored))
	}
}

// What is not committed leaves nothing.
func TestAbandonedFile(t *testing.T) {
	t.Parallel()
	f, s := files(zstd.New())
	w, err := f.Create()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Error(err)
	}
	if _, err := w.Commit(); protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeClosed {
		t.Errorf("after Close, Commit says %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	if w, err = s.files(ctx, zstd.New()).Create(); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := w.Commit(); !errors.Is(err, context.Canceled) {
		t.Errorf("after its context, Commit says %v", err)
	}
	broken := errors.New("the source broke")
	if _, err := f.Put(io.MultiReader(strings.NewReader("x"), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("got %v, want what the source says", err)
	}
	if len(s.stored) != 0 {
		t.Errorf("%d objects are left", len(s.stored))
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Write takes what the disk takes: a file that cannot be stored says so to whoever writes it.
func TestFullShelf(t *testing.T) {
	t.Parallel()
	full := protocol.Errorf(protocol.CodeUnavailable, "no room")
	w, err := codec.Files{Store: func(io.Reader) (protocol.Blob, error) { return protocol.Blob{}, full }}.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := io.Copy(w, io.LimitReader(zeros{}, 1<<20)); !errors.Is(err, full) {
		t.Errorf("got %v, want that there is no room", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// What a value refers to can be told from its payload, also where the value itself is hidden.
func TestHiddenValuesNameTheirBlobs(t *testing.T) {
	t.Parallel()
	one, two := protocol.BlobName(make([]byte, 32)), protocol.BlobName(bytes.Repeat([]byte{1}, 32))
	value := map[string]any{
		"files": []protocol.Blob{{Name: one}, {Name: two}, {Name: one}}, "text": strings.Repeat("x", 1000), "no": "sha256-beef",
	}
	o := &objects{stored: map[string][]byte{}}
	large, hidden := o.edge(nil), o.edge(aesgcm.New(ring(t, "k1")))
	hidden.Threshold = 1 << 20
	for name, e := range map[string]codec.Edge{"large": large, "hidden": hidden, "both": o.edge(aesgcm.New(ring(t, "k1")))} {
		p, err := e.Seal(encode(t, value))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Metadata[codec.MetadataBlobs]; got != one+" "+two {
			t.Errorf("%s: it names %q", name, got)
		}
		opened, err := e.Open(p)
		if err != nil || !opened.Equal(encode(t, value)) || opened.Metadata[codec.MetadataBlobs] != "" {
			t.Errorf("%s: it comes back as %v, %v", name, opened.Metadata, err)
		}
	}
}

// Values that are too large only together go into one object, and each comes back, also where they were encrypted.
func TestBundle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]codec.Codec{"plain": nil, "sealed": aesgcm.New(ring(t, "k1"))} {
		o := &objects{stored: map[string][]byte{}}
		e := o.edge(c)
		e.Threshold, e.Room = 5000, 10_000
		e.Get = o.part
		answer := &protocol.WorkflowTaskAnswer{}
		for i := range 20 {
			p := encode(t, strings.Repeat(string(rune('a'+i)), 100+i*200))
			answer.Commands = append(answer.Commands, protocol.Command{Attributes: protocol.ScheduleActivityTask{Input: p}})
		}
		before, err := protocol.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.SealAll(answer); err != nil {
			t.Fatal(err)
		}
		if data, err := protocol.Marshal(answer); err != nil || len(data) > 20_000 || len(o.stored) != 1 {
			t.Errorf("%s: it has %d bytes and %d objects, %v", name, len(data), len(o.stored), err)
		}
		if err := e.OpenAll(answer); err != nil {
			t.Fatal(err)
		}
		if after, err := protocol.Marshal(answer); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: it comes back as %.100s, %v", name, after, err)
		}
	}
}

// part opens a value that may share its object with others.
func (o *objects) part(b protocol.Blob) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(o.stored[b.Name][b.Offset : b.Offset+b.Size])), nil
}
