package jetstream

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// largestChunk is how many bytes of a blob travel in one message, if the server takes messages of that size. The library's 128 KiB
	// cost eight times the flushes.
	largestChunk = 1 << 20
	// chunkOverhead is kept of the largest message for what is around a chunk.
	chunkOverhead = 4 << 10
	// uploadWindow is how many chunks of an upload may be on their way to the disk, and allWindows how many of all uploads of a program:
	// the server refuses what is more than 128 MB of a stream. Each upload may have one beyond that, so none waits for another.
	uploadWindow = 6
	allWindows   = 24
	// chunkTimeout is how long the server may take for a chunk: the disk may be busy with those of many others.
	chunkTimeout = 30 * time.Second
	// stalled is how long an upload may rest before its end makes sure that nobody took it for dead meanwhile.
	stalled = 30 * time.Minute
)

// Headers of a chunk and metadata of an object, by which a part of it is found without reading what is before it.
const (
	headerChunk   = "Mr-Chunk" // which chunk of its object it is, from 0
	metadataFirst = "mr-first" // the stream's sequence of the first chunk
	metadataLast  = "mr-last"  // of the last
)

// upload is chunks on their way to the stream. It is not safe for concurrent use.
type upload struct {
	s           *Store
	id          string
	sum         *sum
	size        int64
	chunks      int
	first, last uint64    // where the chunks lie
	flying      []flight  // oldest first
	chunk       int       // bytes of a chunk
	touched     time.Time // when the last chunk landed
	rested      bool      // whether it was ever long ago
	described   bool      // whether there may be an object of these chunks
}

// flight is a chunk on its way.
type flight struct {
	ack  natsjs.PubAckFuture
	buf  []byte
	slot bool // it is one of all windows

	summed <-chan struct{} // closed when it is part of the digest
}

func (s *Store) newUpload(chunk int) *upload {
	return &upload{
		s: s, id: nuid.Next(), sum: newSum(), touched: time.Now(),
		chunk: max(min(chunk, s.MaxMessage()-chunkOverhead), 1),
	}
}

// copy sends what r delivers.
func (u *upload) copy(ctx context.Context, r io.Reader) error {
	for {
		buf, err := u.buffer(ctx)
		if err != nil {
			return err
		}
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			if err := u.send(ctx, buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case ctx.Err() != nil: // a pipe that was closed therefore says only that it is closed
			return wrap(ctx.Err())
		case err != nil:
			return err
		}
	}
}

// buffer is room for a chunk.
func (u *upload) buffer(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, wrap(err)
	}
	if buf, ok := buffers.Get().(*[]byte); ok && cap(*buf) >= u.chunk {
		return (*buf)[:u.chunk], nil
	}
	return make([]byte, u.chunk), nil
}

// buffers are chunks that have landed.
var buffers sync.Pool

// send puts a chunk on its way. The buffer is the upload's until it has landed.
func (u *upload) send(ctx context.Context, data []byte) error {
	summed := u.sum.add(data)
	slot, err := u.slot(ctx)
	if err != nil {
		return err
	}
	ack, err := u.s.blobs.PublishMsgAsync(&nats.Msg{
		Subject: u.s.chunkSubject(u.id), Data: data, Header: nats.Header{headerChunk: {strconv.Itoa(u.chunks)}},
	})
	if err != nil {
		u.s.window.leave(slot)
		return wrap(err)
	}
	u.flying = append(u.flying, flight{ack, data, slot, summed})
	u.chunks++
	u.size += int64(len(data))
	return ctx.Err()
}

// land waits until the oldest chunk on its way is stored.
func (u *upload) land(ctx context.Context) error {
	f := u.flying[0]
	select {
	case ack := <-f.ack.Ok():
		u.landed()
		if u.first == 0 {
			u.first = ack.Sequence
		}
		if ack.Sequence < u.last {
			return protocol.Errorf(protocol.CodeConflict, "the object store lost a part of an upload while it went on").
				WithHint("the server was restored or its stream made anew; store the file again")
		}
		u.last = ack.Sequence
		now := time.Now()
		u.rested = u.rested || now.Sub(u.touched) > stalled
		u.touched = now
		return nil
	case err := <-f.ack.Err():
		u.landed()
		if errors.Is(err, natsjs.ErrAsyncPublishTimeout) { // a server whose disk is full says nothing
			silent := protocol.Errorf(protocol.CodeUnavailable, "the server did not store a part of the file within %s", chunkTimeout).
				WithHint("its disk is full, or very slow: free some space; storing the file again is safe")
			return &natsError{coded: silent, cause: err}
		}
		return wrap(err)
	case <-ctx.Done():
		return wrap(ctx.Err())
	}
}

// landed takes the oldest chunk out of the window.
func (u *upload) landed() {
	f := u.flying[0]
	u.flying = u.flying[1:]
	u.s.window.leave(f.slot)
	<-f.summed
	if f.buf != nil {
		buffers.Put(&f.buf)
	}
}

// slot waits until one more chunk may be on its way, and reports whether it is one of all windows.
func (u *upload) slot(ctx context.Context) (bool, error) {
	for len(u.flying) > 0 {
		if len(u.flying) < uploadWindow && u.s.window.enter() {
			return true, nil
		}
		if err := u.land(ctx); err != nil {
			return false, err
		}
	}
	return false, nil
}

// window counts the chunks that all uploads of a program have on their way.
type window struct{ n atomic.Int32 }

// enter counts one more, unless there are enough.
func (w *window) enter() bool {
	if w.n.Add(1) <= allWindows {
		return true
	}
	w.n.Add(-1)
	return false
}

// leave counts one less, if it was counted.
func (w *window) leave(counted bool) {
	if counted {
		w.n.Add(-1)
	}
}

// finish waits until all is stored and makes an object of it, unless there is one of the same content.
func (u *upload) finish(ctx context.Context) (protocol.Blob, error) {
	for len(u.flying) > 0 {
		if err := u.land(ctx); err != nil {
			return protocol.Blob{}, err
		}
	}
	sum := u.sum.end()
	b := protocol.Blob{Name: protocol.BlobName(sum), Size: u.size, SHA256: hex.EncodeToString(sum)}
	info := natsjs.ObjectInfo{
		ObjectMeta: natsjs.ObjectMeta{
			Name: b.Name, Opts: &natsjs.ObjectMetaOptions{ChunkSize: uint32(u.chunk)}, //nolint:gosec // largestChunk at most
			Metadata: map[string]string{
				metadataFirst: strconv.FormatUint(u.first, 10), metadataLast: strconv.FormatUint(u.last, 10),
			},
		},
		Bucket: u.s.ns.BlobStore(), NUID: u.id, Size: uint64(u.size), //nolint:gosec // >= 0
		Chunks: uint32(u.chunks), Digest: natsjs.GetObjectDigestValue(u.sum.hash), //nolint:gosec // 2^32 chunks are 2 PB
	}
	for {
		there, err := u.s.refresh(ctx, b)
		if err != nil {
			return b, err
		}
		if there {
			u.s.dropChunks(ctx, u.id)
			return b, nil
		}
		old, err := u.s.object(ctx, b.Name)
		if err != nil {
			return b, err
		}
		u.described = true
		err = u.s.describe(ctx, info, old.revision)
		switch {
		case isConflict(err):
			u.described = false
			continue
		case err != nil:
			return b, err
		case !old.gone(): // it was damaged
			u.s.dropChunks(ctx, old.NUID)
		}
		return b, u.whole(ctx)
	}
}

// whole makes sure that an upload which rested for long was not taken for dead.
func (u *upload) whole(ctx context.Context) error {
	if !u.rested && time.Since(u.touched) < stalled {
		return nil
	}
	n, err := u.s.countChunks(ctx, u.id)
	if err == nil && n != uint64(u.chunks) { //nolint:gosec // >= 0
		err = protocol.Errorf(protocol.CodeTimeout, "the upload rested for so long that its parts were collected").
			WithHint("store the file again, without such a pause")
	}
	return err
}

// abandon removes what was sent. Should that fail, it is removed when dead uploads are. An object whose description got no answer may be
// there, and keeps its chunks.
func (u *upload) abandon() {
	if u.described {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), defaultTimeout)
	defer cancel()
	for len(u.flying) > 0 { // none may arrive after the purge
		select {
		case <-u.flying[0].ack.Ok():
		case <-u.flying[0].ack.Err(): //nolint:errcheck // nobody wants it any more
		case <-ctx.Done():
			u.flying[0].buf = nil // it may be sent once more
		}
		u.landed()
	}
	if u.chunks > 0 {
		u.s.dropChunks(ctx, u.id)
	}
}

// dropChunks removes the chunks of an upload. Those that a failure leaves are a dead upload.
func (s *Store) dropChunks(ctx context.Context, id string) {
	_ = s.purge(ctx, s.blobStream(), natsjs.WithPurgeSubject(s.chunkSubject(id)))
}
