package jetstream_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/protocol"
)

// BenchmarkMark reads what a hundred thousand runs of three records of 1.5 KB refer to, one run in ten to an object.
func BenchmarkMark(b *testing.B) {
	const runs, shards = 100_000, 8
	srv, err := embedded.Start(embedded.Options{Dir: b.TempDir(), Sync: quickSync})
	if err != nil {
		b.Fatal(err)
	}
	defer srv.Close()
	nc, err := srv.Conn()
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	w, err := jetstream.Create(b.Context(), nc, ns, jetstream.Options{Shards: shards})
	if err != nil {
		b.Fatal(err)
	}
	body := noise(1500)
	for i := range 3 * runs {
		id := fmt.Sprint("workflow-", i%runs)
		m := &nats.Msg{Subject: ns.History(protocol.Shard(id, shards), id), Data: body, Header: nats.Header{
			protocol.HeaderRun: {"01936f2e-7b60-7c4a-9d3b-0f6a1c2d3e4f"}, protocol.HeaderNonce: {"01936f2e-7b60-7c4a-9d3b-0f6a1c2d3e4f"},
			protocol.HeaderStep: {"1"}, protocol.HeaderLast: {"4"},
		}}
		if i%10 == 0 {
			m.Header.Set(protocol.HeaderBlobs, objectOf(strconv.Itoa(i%1000)))
		}
		if err := nc.PublishMsg(m); err != nil {
			b.Fatal(err)
		}
		if i%1000 == 0 {
			if _, err := nc.Request(m.Subject, body, patience); err != nil { // an acknowledgement now and then
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		n := 0
		for _, err := range w.References(b.Context(), protocol.PlaceHistory) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 3*runs/10 {
			b.Fatalf("%d references are found", n)
		}
	}
}
