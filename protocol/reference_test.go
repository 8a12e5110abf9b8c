package protocol_test

import (
	"bytes"
	"crypto/sha256"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
)

// objectOf is the name of an object with that content.
func objectOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return protocol.BlobName(sum[:])
}

func TestBlobNamesInMessages(t *testing.T) {
	t.Parallel()
	a, b := objectOf("a"), objectOf("b")
	for _, c := range []struct {
		name, data string
		want       []string
	}{
		{"nothing", "", nil},
		{"no reference", `{"data":{"customer":"Ada"}}`, nil},
		{"alone", a, []string{a}},
		{"at the end", `{"name":"` + a, []string{a}},
		{"in a payload", `{"blob":{"name":"` + a + `","size":7,"sha256":"` + a[7:] + `"}}`, []string{a}},
		{"in a value", `{"data":{"left":{"name":"` + a + `"},"right":{"name":"` + b + `"}}}`, []string{a, b}},
		{"side by side", a + b, []string{a, b}},
		{"among metadata", `{"metadata":{"blobs":"` + b + " " + a + `"},"data":"AAH+/w=="}`, []string{b, a}},
		{"twice", a + " " + a, []string{a}},
		{"a digest alone", a[7:], nil},
		{"cut", a[:len(a)-1], nil},
		{"upper case", strings.ToUpper(a), nil},
		{"of another kind", "sha512-" + a[7:], nil},
		{"digits without an end", strings.Repeat("0", 1000), nil},
	} {
		if diff := cmp.Diff(c.want, protocol.BlobNames([]byte(c.data))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// Looking at every 32nd byte finds what looking at all of them finds.
func TestBlobNamesAreFoundAnywhere(t *testing.T) {
	t.Parallel()
	plain := regexp.MustCompile(`sha256-[0-9a-f]{64}`)
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.OneOf(
			rapid.Map(rapid.IntRange(0, 3), func(n int) string { return objectOf(strings.Repeat("x", n)) }),
			rapid.StringMatching(`[a-f0-9]{0,90}`), rapid.StringMatching(`[ -~]{0,50}`), rapid.Just("sha256-"),
		)).Draw(t, "parts")
		data := strings.Join(parts, "")
		var want []string
		for _, name := range plain.FindAllString(data, -1) {
			if !slices.Contains(want, name) {
				want = append(want, name)
			}
		}
		if diff := cmp.Diff(want, protocol.BlobNames([]byte(data))); diff != "" {
			t.Errorf("in %q (-want +got):\n%s", data, diff)
		}
	})
}

func TestBlobsHeader(t *testing.T) {
	t.Parallel()
	var all []string
	for n := range 60 {
		names, many := protocol.ParseBlobsHeader(protocol.BlobsHeader(all))
		if n <= 50 && (many || !slices.Equal(names, all)) || n > 50 && !many {
			t.Errorf("%d names are read as %v, many: %t", n, names, many)
		}
		all = append(all, objectOf(strings.Repeat("x", n)))
	}
}

// plainRecord is a record of 1.5 KB without a reference, as most are.
func plainRecord(tb testing.TB) []byte {
	tb.Helper()
	r := protocol.Record{Version: 1, Workflow: "order-42", Run: runID, Step: 2, Nonce: runID, Prev: strings.Repeat("0a", 16), Time: noon}
	for i := int64(1); ; i++ {
		r.Events = append(r.Events, protocol.Event{ID: i, Time: noon, Attributes: protocol.ActivityTaskScheduled{
			ActivityID: "1", ActivityType: "shop.Charge", Queue: "orders", Input: ada, StartToClose: second,
		}})
		data, err := protocol.Marshal(r)
		if err != nil {
			tb.Fatal(err)
		}
		if len(data) > 1500 {
			return data[:1500]
		}
	}
}

func BenchmarkBlobNames(b *testing.B) {
	none := plainRecord(b)
	many := bytes.Repeat([]byte(`{"name":"`+objectOf("a")+`"},`), 20)
	for _, c := range []struct {
		name string
		data []byte
	}{{"none", none}, {"20 times the same", many}, {"digits only", bytes.Repeat([]byte("0"), 1500)}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.data)))
			for b.Loop() {
				protocol.BlobNames(c.data)
			}
		})
	}
	b.Run("none, by looking for the text", func(b *testing.B) {
		for b.Loop() {
			bytes.Contains(none, []byte("sha256-"))
		}
	})
}
