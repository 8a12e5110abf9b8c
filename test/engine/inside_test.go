package engine

import (
	"testing"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
)

const ns = protocol.DefaultNamespace

// received counts the inputs that the engine was ever told.
func received(t *testing.T, e *rig.Engine) uint64 {
	t.Helper()
	return state(t, e, ns.InboxStream(0)).LastSeq
}

func state(t *testing.T, e *rig.Engine, stream string) natsjs.StreamState {
	t.Helper()
	js, err := natsjs.New(e.Conn())
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.State
}

// leases reads who owns which shard.
func leases(t *testing.T, e *rig.Engine) map[int]protocol.HeldLease {
	t.Helper()
	store, err := jetstream.Open(t.Context(), e.Conn(), ns)
	if err != nil {
		t.Fatal(err)
	}
	held, err := store.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return held
}
