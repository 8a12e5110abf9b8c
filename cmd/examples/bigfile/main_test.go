package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/test/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

func TestSample(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := stage.Run(t.Context(), &out, sample, options()...); err != nil {
		t.Fatal(err)
	}
	const want = `stored 10120000 bytes
10 parts, 10120000 bytes, all of them as before, in a hundredth of the room: true
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A file comes out of FILE.gz as it was, whatever is in it.
func TestFile(t *testing.T) {
	t.Parallel()
	data := make([]byte, 5<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := stage.Run(t.Context(), io.Discard, compress(path), options()...); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(unzip); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d other bytes come out, %v", len(got), err)
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{0, 1, 99, 100, 101, 250} {
		var at int64
		job := Job{Part: 100}
		job.File.Size = size
		for _, p := range split(job) {
			if p.Offset != at || p.Length <= 0 && size > 0 || p.Length > 100 {
				t.Errorf("of %d bytes a part is %+v", size, p)
			}
			at += p.Length
		}
		if at != size || len(split(job)) == 0 {
			t.Errorf("the parts of %d bytes have %d", size, at)
		}
	}
}
