package jetstream

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// verify returns a reader of r that ends with an error of code corrupt unless it has delivered exactly the blob.
func verify(r io.ReadCloser, want protocol.Blob) io.ReadCloser {
	return &verifier{r: r, want: want, sum: sha256.New()}
}

type verifier struct {
	r    io.ReadCloser
	want protocol.Blob
	sum  hash.Hash
	size int64
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.sum.Write(p[:n])
	v.size += int64(n)
	damaged := errors.Is(err, natsjs.ErrDigestMismatch) // the object store looks, too
	if errors.Is(err, io.EOF) {
		damaged = v.size != v.want.Size || hex.EncodeToString(v.sum.Sum(nil)) != v.want.SHA256
	}
	if damaged {
		return n, protocol.Errorf(protocol.CodeCorrupt, "the blob %q is not what was stored: %d bytes, expected %d",
			v.want.Name, v.size, v.want.Size).WithHint("it was overwritten or damaged; store it again")
	}
	return n, err
}

// Close implements [io.Closer].
func (v *verifier) Close() error { return v.r.Close() }
