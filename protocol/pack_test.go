package protocol_test

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
)

func TestPackedBodiesComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{0, 1, 2, 100, 256 << 10, 256<<10 + 1, 3 << 20}).Draw(t, "size")
		unit := []byte(rapid.StringN(1, 40, -1).Draw(t, "unit"))
		data := append([]byte("{"), bytes.Repeat(unit, n/len(unit))...)
		packed := protocol.Pack(data)
		if len(packed) > len(data) {
			t.Fatalf("%d bytes became %d", len(data), len(packed))
		}
		back, err := protocol.Unpack(packed)
		if err != nil || !bytes.Equal(back, data) {
			t.Fatalf("%d bytes came back as %d, %v", len(data), len(back), err)
		}
	})
}

func TestUnpackRefusesWhatIsBroken(t *testing.T) {
	t.Parallel()
	packed := protocol.Pack(bytes.Repeat([]byte("0123456789"), 100_000))
	for _, data := range [][]byte{{0x1f, 0x8b}, packed[:len(packed)/2], append(bytes.Clone(packed[:len(packed)-8]), 1, 2, 3, 4, 5, 6, 7, 8)} {
		if _, err := protocol.Unpack(data); protocol.AsError(err).Code != protocol.CodeCorrupt {
			t.Errorf("unpacking %d broken bytes gives %v", len(data), err)
		}
	}
}
