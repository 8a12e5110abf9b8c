package jetstream

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

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
	if errors.Is(err, io.EOF) && (v.size != v.want.StoredSize() || hex.EncodeToString(v.sum.Sum(nil)) != v.want.SHA256) {
		return n, damaged(v.want, v.size)
	}
	return n, err
}

// Close implements [io.Closer].
func (v *verifier) Close() error { return v.r.Close() }
