package badinput

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// noise is a text that compresses to three quarters, and no further.
func noise(size int) string {
	data := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(data) // never fails
	return base64.StdEncoding.EncodeToString(data)[:size]
}

// Bulky asks for an activity whose input, and whose result, is too large for a message.
func Bulky(ctx workflow.Context, size int) (int, error) {
	text, err := workflow.Do(ctx, Twice, noise(size))
	return len(text), err
}

// Twice returns more than it gets.
func Twice(_ context.Context, text string) (string, error) { return text + text, nil }

// Answers and records are compressed, and what follows from them is not. Values that would not fit go to the object store, whatever the
// worker's threshold says.
func TestValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	h := open(t, worker.Workflow(Bulky), worker.Activity(Twice), worker.BlobThreshold(8<<20))
	for i, size := range []int{600 << 10, 1200 << 10} {
		id := client.ID(name(fmt.Sprintf("bulky-%d", i), 0))
		run, err := client.Start(t.Context(), h.Client(), Bulky, size, client.Queue(rig.Queue), id)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := run.Wait(t.Context()); err != nil || got != 2*size {
			t.Errorf("of %d bytes: it ends with %d, %v", size, got, err)
		}
	}
	h.hello(t, "values that do not fit")
}

// A start that is as large as a message can be is taken, or refused in words.
func TestNearlyTooLarge(t *testing.T) {
	t.Parallel()
	h := open(t)
	for i, size := range []int{1<<20 - 400, 1<<20 - 3000, 1<<20 - 70_000} {
		id := name(fmt.Sprintf("large-%d", i), i%shards)
		data, err := protocol.Marshal(protocol.StartInput{
			Type: "badinput.Wait", ID: id, Queue: rig.Queue, Run: "run-" + id, RequestID: "req-" + id,
			Input: protocol.Payload{Data: []byte(`"` + noise(size) + `"`)}, Headers: map[string]string{"traceparent": noise(100)},
		})
		if err != nil {
			t.Fatal(err)
		}
		reply, err := h.nc.RequestMsg(&nats.Msg{Subject: ns.Direct(protocol.Shard(id, shards), "start", id), Data: data}, 5*time.Second)
		if err != nil {
			t.Errorf("%d bytes: %v", len(data), err)
			continue
		}
		var v protocol.Verdict
		if err := protocol.Unmarshal(reply.Data, &v); err != nil || v.Error == nil && v.Run == "" {
			t.Errorf("%d bytes: %s", len(data), reply.Data)
		}
		if v.Error != nil && v.Error.Code != protocol.CodeTooLarge {
			t.Errorf("%d bytes: %v", len(data), v.Error)
		}
		if v.Run != "" {
			h.Await(t, id, "WorkflowTaskCompleted")
		}
	}
	h.hello(t, "large starts")
}
