package bench

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// The kinds of payloads that a process moves.
const (
	passRaw  = "raw"
	passEcho = "echo"
)

// inMemory is the size up to which a payload is a value, and beyond which it is a file.
const inMemory = 1 << 20

// EchoValue gives a value to an activity and returns what that returns.
func EchoValue(ctx workflow.Context, data []byte) ([]byte, error) {
	return workflow.Do(ctx, SameBytes, data)
}

// SameBytes returns what it is given.
func SameBytes(_ context.Context, data []byte) ([]byte, error) { return data, nil }

// EchoFile has an activity copy a file.
func EchoFile(ctx workflow.Context, file protocol.Blob) (protocol.Blob, error) {
	return workflow.Do(ctx, CopyFile, file)
}

// CopyFile copies a file.
func CopyFile(ctx context.Context, file protocol.Blob) (protocol.Blob, error) {
	r, err := activity.OpenBlob(ctx, file)
	if err != nil {
		return protocol.Blob{}, err
	}
	defer r.Close()
	return activity.PutBlob(ctx, r)
}

// movePayloads moves payloads, so many of a size, and says in a line of JSON how fast.
func movePayloads(ctx context.Context, nc *nats.Conn, kind, size, n string) (string, error) {
	bytes, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return "", err
	}
	count, err := strconv.Atoi(n)
	if err != nil {
		return "", err
	}
	said, err := moved(ctx, nc, kind, bytes, count)
	if err != nil {
		return "", err
	}
	line, err := json.Marshal(said)
	return string(line), err
}

// moved moves n payloads of a size, one after the other. The best of them counts.
func moved(ctx context.Context, nc *nats.Conn, kind string, size int64, n int) (said passed, err error) {
	var move func(context.Context, *source) error
	switch {
	case kind == passRaw:
		move, err = rawMover(ctx, nc)
	case size <= inMemory:
		move, err = valueMover(nc, size)
	default:
		move, err = fileMover(ctx, nc)
	}
	if err != nil {
		return said, err
	}
	for range n {
		start := time.Now()
		if err := move(ctx, newSource(size)); err != nil {
			return said, err
		}
		said.Rate = max(said.Rate, float64(size)/1e6/time.Since(start).Seconds())
	}
	said.Peak, err = peak(os.Getpid())
	return said, err
}

// valueMover sends a value through the echo workflow.
func valueMover(nc *nats.Conn, size int64) (func(context.Context, *source) error, error) {
	c, err := client.New(nc, client.DefaultQueue(queue))
	return func(ctx context.Context, from *source) error {
		data := make([]byte, size)
		if _, err := io.ReadFull(from, data); err != nil {
			return err
		}
		run, err := client.Start(ctx, c, EchoValue, data)
		if err != nil {
			return err
		}
		back, err := run.Wait(ctx)
		if err == nil && len(back) != len(data) {
			err = fmt.Errorf("%d bytes came back", len(back))
		}
		return err
	}, err
}

// fileMover sends a file through the echo workflow, and removes it.
func fileMover(ctx context.Context, nc *nats.Conn) (func(context.Context, *source) error, error) {
	store, err := jetstream.Open(ctx, nc, protocol.DefaultNamespace)
	if err != nil {
		return nil, err
	}
	c, err := client.New(nc, client.DefaultQueue(queue))
	return func(ctx context.Context, from *source) error {
		file, err := c.PutBlob(ctx, from)
		if err != nil {
			return err
		}
		run, err := client.Start(ctx, c, EchoFile, file)
		if err != nil {
			return err
		}
		if file, err = run.Wait(ctx); err != nil {
			return err
		}
		r, err := c.OpenBlob(ctx, file)
		if err != nil {
			return err
		}
		defer r.Close()
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
		info, err := store.BlobInfo(ctx, file.Name)
		return errors.Join(err, store.DeleteBlob(ctx, info))
	}, err
}

// rawMover puts an object with the client library, gets it and removes it.
func rawMover(ctx context.Context, nc *nats.Conn) (func(context.Context, *source) error, error) {
	js, err := natsjs.New(nc)
	if err != nil {
		return nil, err
	}
	store, err := js.CreateOrUpdateObjectStore(ctx, natsjs.ObjectStoreConfig{Bucket: "bench"})
	if err != nil {
		return nil, err
	}
	stream, err := js.Stream(ctx, "OBJ_bench")
	return func(ctx context.Context, from *source) error {
		ctx, cancel := context.WithTimeout(ctx, time.Hour) // without a deadline the library has one of seconds
		defer cancel()
		if err := from.brake(ctx, stream); err != nil {
			return err
		}
		if _, err := store.Put(ctx, natsjs.ObjectMeta{Name: "raw"}, from); err != nil {
			return err
		}
		r, err := store.Get(ctx, "raw")
		if err != nil {
			return err
		}
		defer r.Close()
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
		return store.Delete(ctx, "raw")
	}, err
}

// sourceBlock is what a source repeats.
const sourceBlock = 1 << 20

// braked is how far a braked source may be ahead of what is stored, and brakeEvery how often it looks.
const (
	braked     = 64 << 20
	brakeEvery = 16 << 20
)

// source delivers so many bytes that do not compress, and are others than those of another source.
type source struct {
	size, at int64
	block    []byte

	ctx    context.Context //nolint:containedctx // that of the brake
	stream natsjs.Stream   // nil without a brake
	before uint64
	look   int64 // where it looks again
}

func newSource(size int64) *source {
	s := &source{size: size, block: make([]byte, min(size, sourceBlock))}
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], rand.Uint64()) //nolint:gosec // anything will do
	_, _ = rand.NewChaCha8(seed).Read(s.block)
	return s
}

// brake keeps the source from being faster than the disk: the library's put has 4,000 chunks on their way, of which the server refuses what
// is more than 128 MB.
func (s *source) brake(ctx context.Context, stream natsjs.Stream) error {
	info, err := stream.Info(ctx)
	if err != nil {
		return err
	}
	s.ctx, s.stream, s.before, s.look = ctx, stream, info.State.Bytes, braked
	return nil
}

// Read implements [io.Reader].
func (s *source) Read(p []byte) (int, error) {
	if s.at == s.size {
		return 0, io.EOF
	}
	for s.stream != nil && s.at >= s.look {
		info, err := s.stream.Info(s.ctx)
		if err != nil {
			return 0, err
		}
		if stored := int64(info.State.Bytes - s.before); s.at-stored < braked { //nolint:gosec // < 2^63
			s.look = s.at + brakeEvery
		}
	}
	n := copy(p[:min(int64(len(p)), s.size-s.at)], s.block[s.at%int64(len(s.block)):])
	s.at += int64(n)
	return n, nil
}
