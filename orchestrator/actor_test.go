package orchestrator

import (
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

// Inputs that come together and are more than a message carries are taken in several steps. One alone is always taken.
func TestABatchFitsIntoAMessage(t *testing.T) {
	t.Parallel()
	a := &actor{shard: &shard{}}
	for _, size := range []int{10, maxBatchBytes / 2, maxBatchBytes / 2, 2 * maxBatchBytes, 10} {
		a.queue = append(a.queue, item{input: protocol.Input{Body: protocol.SignalInput{}}, delivery: protocol.Delivery{Data: make([]byte, size)}})
	}
	for _, want := range []int{2, 1, 1, 1, 0} {
		if got := len(a.take(true)); got != want {
			t.Fatalf("a batch has %d inputs, want %d", got, want)
		}
	}
}
