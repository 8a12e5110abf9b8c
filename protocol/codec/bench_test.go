package codec_test

import (
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
	"github.com/millrace-dev/millrace/protocol/codec/aesgcm"
	"github.com/millrace-dev/millrace/protocol/codec/zstd"
)

// BenchmarkOpenEvents is what a replay pays for an event with a payload: without a codec, and with encryption.
func BenchmarkOpenEvents(b *testing.B) {
	for name, c := range map[string]codec.Codec{"none": nil, "both": codec.Chain(zstd.New(), aesgcm.New(ring(b, "k1")))} {
		b.Run(name, func(b *testing.B) {
			e := (&objects{}).edge(c)
			p, err := e.Seal(encode(b, map[string]string{"customer": "Ada", "item": "lamp"}))
			if err != nil {
				b.Fatal(err)
			}
			sealed := []protocol.Event{{ID: 1, Attributes: protocol.ActivityTaskCompleted{Result: p}}}
			for b.Loop() {
				events := []protocol.Event{sealed[0]}
				if err := e.OpenEvents(events); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
