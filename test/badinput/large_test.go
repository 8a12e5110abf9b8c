package badinput

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
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

// Bulky asks for an activity whose input fits into the record of a step, and not into a message of its own.
func Bulky(ctx workflow.Context, size int) (string, error) {
	return workflow.Do(ctx, Twice, noise(size))
}

// Twice returns more than it gets.
func Twice(_ context.Context, text string) (string, error) { return text + text, nil }

// Answers and records are compressed, and what follows from them is not: a step that asks for too much at once fails, and says so.
func TestCommandThatDoesNotFit(t *testing.T) {
	t.Parallel()
	// The worker keeps slots for the activities of the step that failed, for 2 s, and they are waited for.
	h := open(t, worker.Workflow(Bulky), worker.Activity(Twice), worker.BlobThreshold(8<<20), worker.Grace(5*time.Second))
	id := name("bulky", 0)
	if _, err := client.Start(t.Context(), h.Client(), Bulky, 1200<<10, client.Queue(rig.Queue), client.ID(id)); err != nil {
		t.Fatal(err)
	}
	if why := h.fails(t, id); !strings.Contains(why, "command 1, a ScheduleActivityTask: it has 12") {
		t.Errorf("the step fails with %s", why)
	}
	h.hello(t, "a command that does not fit")
}

// An activity whose result does not fit fails, once: the step that its worker foresaw goes first, and then the result.
func TestResultThatDoesNotFit(t *testing.T) {
	t.Parallel()
	h := open(t, worker.Workflow(Bulky), worker.Activity(Twice), worker.BlobThreshold(8<<20))
	run, err := client.Start(t.Context(), h.Client(), Bulky, 600<<10, client.Queue(rig.Queue), client.ID(name("bulky", 0)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := run.Wait(ctx); err == nil || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("it ends with %v", err)
	}
	h.hello(t, "a result that does not fit")
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
