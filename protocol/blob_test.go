package protocol_test

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

// A reference is found wherever it stands, once, and what only looks like one is not.
func TestBlobNames(t *testing.T) {
	t.Parallel()
	name := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return protocol.BlobName(sum[:])
	}
	one, two := name("one"), name("two")
	for text, want := range map[string][]string{
		"":                        nil,
		"sha256-":                 nil,
		"sha256-beef":             nil,
		one[:len(one)-1]:          nil,
		strings.ToUpper(one):      nil,
		one[:20] + "x" + one[21:]: nil,
		one:                       {one},
		`{"a":"` + two + `","b":["` + one + `"]}`:   {two, one},
		one + " " + two + " " + one:                 {one, two},
		"sha256-sha256-" + one[len("sha256-"):]:     {one},
		strings.Repeat("x", 100) + one + "0123 and": {one},
	} {
		if got := protocol.BlobNames([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("in %q there are %q, want %q", text, got, want)
		}
	}
}

func TestSharedBlob(t *testing.T) {
	t.Parallel()
	whole := protocol.Blob{Name: protocol.BlobName(make([]byte, 32)), SHA256: strings.Repeat("00", 32), Size: 7}
	part := whole
	part.SHA256 = strings.Repeat("11", 32)
	if whole.Shared() || !part.Shared() || (protocol.Blob{Name: "run/x", SHA256: "y"}).Shared() {
		t.Error("a part is taken for a whole, or a whole for a part")
	}
	encoded := protocol.Blob{Size: 7, Stored: 5, Encoding: "zstd"}
	if whole.StoredSize() != 7 || encoded.StoredSize() != 5 {
		t.Errorf("stored are %d and %d bytes", whole.StoredSize(), encoded.StoredSize())
	}
}
