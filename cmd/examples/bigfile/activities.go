package main

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
)

// Squeeze compresses a part of a file. If it is tried again, it makes the same file, which is stored once.
func Squeeze(ctx context.Context, p Part) (protocol.Blob, error) {
	r, err := activity.OpenRange(ctx, p.File, p.Offset, p.Length)
	if err != nil {
		return protocol.Blob{}, err
	}
	defer r.Close()
	w, err := activity.CreateBlob(ctx)
	if err != nil {
		return protocol.Blob{}, err
	}
	defer w.Close()
	zip := gzip.NewWriter(w)
	if _, err := io.Copy(zip, beating{ctx, r}); err != nil {
		return protocol.Blob{}, err
	}
	if err := zip.Close(); err != nil {
		return protocol.Blob{}, err
	}
	return w.Commit()
}

// Join writes files one behind the other. Of gzip files that makes one.
func Join(ctx context.Context, parts []protocol.Blob) (protocol.Blob, error) {
	w, err := activity.CreateBlob(ctx)
	if err != nil {
		return protocol.Blob{}, err
	}
	defer w.Close()
	for _, p := range parts {
		if err := add(ctx, w, p); err != nil {
			return protocol.Blob{}, err
		}
	}
	return w.Commit()
}

func add(ctx context.Context, w io.Writer, part protocol.Blob) error {
	r, err := activity.OpenBlob(ctx, part)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, beating{ctx, r})
	return err
}

// Pair is a file and what it was compressed to.
type Pair struct {
	Original   protocol.Blob `json:"original"`
	Compressed protocol.Blob `json:"compressed"`
}

var errDiffers = errors.New("what was compressed is another file")

// Verify compares what comes out of the compressed file with the digest of the original.
func Verify(ctx context.Context, p Pair) (struct{}, error) {
	none := struct{}{}
	r, err := activity.OpenBlob(ctx, p.Compressed)
	if err != nil {
		return none, err
	}
	defer r.Close()
	unzip, err := gzip.NewReader(beating{ctx, r})
	if err != nil {
		return none, activity.Terminal(err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, unzip); err != nil { //nolint:gosec // it takes no memory, however much there is
		return none, err
	}
	if hex.EncodeToString(sum.Sum(nil)) != p.Original.SHA256 {
		return none, activity.Terminal(errDiffers)
	}
	return none, nil
}

// beating is a reader that says, as it is read, that the activity lives.
type beating struct {
	ctx context.Context //nolint:containedctx // the activity's
	r   io.Reader
}

// Read implements [io.Reader].
func (b beating) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == nil {
		err = activity.Heartbeat(b.ctx, n)
	}
	return n, err
}
