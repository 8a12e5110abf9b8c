package protocol_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/millrace-dev/millrace/protocol"
)

func TestRunIDs(t *testing.T) {
	t.Parallel()
	ada, bob := protocol.NewRunIDs(), protocol.NewRunIDs()
	seen := map[string]bool{}
	family := protocol.RunFamily(ada.New())
	for range 10_000 {
		id := ada.New()
		if parsed, err := uuid.Parse(id); err != nil || parsed.Version() != 7 || parsed.Variant() != uuid.RFC4122 {
			t.Fatalf("%q is no UUID of version 7", id)
		}
		if seen[id] {
			t.Fatalf("%q comes twice", id)
		}
		seen[id] = true
		if f := protocol.RunFamily(id); f != family || len(f) != 12 {
			t.Fatalf("the family of %q is %q, want %q", id, f, family)
		}
	}
	if protocol.RunFamily(bob.New()) == family {
		t.Error("two makers have one family")
	}
	for run, want := range map[string]string{"": "", "mine": "mine", "a-b": "b", "a-": ""} {
		if got := protocol.RunFamily(run); got != want {
			t.Errorf("the family of %q is %q, want %q", run, got, want)
		}
	}
}
