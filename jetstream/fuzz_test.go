package jetstream

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// FuzzAnswers: whatever the server, or somebody in its place, says of a publish or of a message that was asked for, reading it ends in an
// error or in something whole.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		`{"stream":"S","seq":7}`, `{"stream":"S","seq":0}`, `{"error":{"code":400,"err_code":10071,"description":"wrong last sequence"}}`,
		`{"message":{"subject":"s","seq":3,"hdrs":"TkFUUy8xLjANCk1yLU5vbmNlOiBuDQoNCg==","data":"e30=","time":"2026-11-23T12:00:00Z"}}`,
		`{"message":{"hdrs":"AAAA","seq":1}}`, `{"error":null}`, `{`, ``, `[]`, `{"error":{"err_code":10037}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m := &nats.Msg{Data: data}
		if seq, err := readAck(m); err == nil && seq == 0 {
			t.Fatal("an acknowledgement without a sequence")
		}
		if stored, err := readStored(m); err == nil {
			_, _ = stored.header()
		}
		if last := readLastRecord(m); last != nil && last.nonce == "" {
			t.Fatal("a record without a nonce")
		}
		_, _ = verdict(m)
	})
}

// FuzzDeadLetter: whoever may write dead letters cannot make a reader fail, nor take memory.
func FuzzDeadLetter(f *testing.F) {
	f.Add("mr.default.in.0.signal.wf", "why", "17", "gzip", "", pack([]byte(`{"signal":"x"}`)))
	f.Add("mr.default.hist.0.wf", "", "-1", "gzip", "body", []byte{0x1f, 0x8b})
	f.Add("mr.default.timer.9999999999999999999.fired.=zz", "\xff", "9223372036854775807", "gzip", "", pack(make([]byte, 1<<20)))
	s := &Store{ns: protocol.DefaultNamespace}
	f.Fuzz(func(t *testing.T, from, why, size, packed, cut string, data []byte) {
		d := s.deadLetter(nats.Header{
			protocol.HeaderFrom: {from}, protocol.HeaderWhy: {why}, protocol.HeaderSize: {size}, protocol.HeaderPacked: {packed},
			protocol.HeaderCut: {cut}, "Trace": {"t"}, "Empty": nil,
		}, data)
		if len(d.Body) > mostUnzipped+len(data) {
			t.Fatalf("%d bytes became %d", len(data), len(d.Body))
		}
		if subject, ok := s.ns.Retriable(d.Subject); ok {
			if _, err := s.ns.ParseHistory(subject); err == nil {
				t.Fatalf("%q would be written to", subject)
			}
		}
		if _, err := protocol.Marshal(d); err != nil {
			t.Fatal(err)
		}
	})
}
