package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// chaff is incompressible and always the same.
func chaff(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	return data
}

var (
	largeSignal = workflow.NewSignal[[]byte]("large")
	largeQuery  = workflow.NewQuery[[]byte, []byte]("large")
	largeUpdate = workflow.NewUpdate[[]byte, []byte]("large")
	// beats counts the attempts of BeatLarge.
	beats atomic.Int64
)

// small is an engine on a server with messages of a megabyte, as servers have them by default.
func small(t *testing.T) *rig.Engine {
	t.Helper()
	srv, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Sync: "1m", MaxPayload: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	nc, err := srv.Conn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	node, err := orchestrator.Attach(t.Context(), nc, orchestrator.Options{Shards: 1, Logger: rig.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	e := &rig.Engine{Server: node}
	t.Cleanup(func() { e.Halt(t) })
	return e
}

func EchoLarge(_ context.Context, data []byte) ([]byte, error) { return data, nil }

// FailLarge fails with a long message and large details.
func FailLarge(_ context.Context, data []byte) (int, error) {
	return 0, activity.Terminal(activity.NewError("large", strings.Repeat("too much ", 100_000), data))
}

// BeatLarge reports something large, fails, and returns in its second attempt what it had reported.
func BeatLarge(ctx context.Context, data []byte) ([]byte, error) {
	if beats.Add(1) == 1 {
		if err := activity.Heartbeat(ctx, data); err != nil {
			return nil, err
		}
		return nil, errors.New("once more")
	}
	reported, _, err := activity.HeartbeatDetails[[]byte](ctx)
	return reported, err
}

func Inner(_ workflow.Context, data []byte) ([]byte, error) { return data, nil }

// Waits answers for one large value in each way that a client can send one.
func Waits(ctx workflow.Context, _ int) ([]byte, error) {
	workflow.HandleQuery(ctx, largeQuery, func(data []byte) ([]byte, error) { return data, nil })
	workflow.HandleUpdate(ctx, largeUpdate, func(_ workflow.Context, data []byte) ([]byte, error) { return data, nil })
	return workflow.Receive(ctx, largeSignal)
}

// Ways takes a large value through one of the ways within a workflow.
type way struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

func Ways(ctx workflow.Context, w way) ([]byte, error) {
	switch w.Name {
	case "argument and result":
		return w.Data, nil
	case "activity":
		return workflow.Do(ctx, EchoLarge, w.Data)
	case "local activity":
		return workflow.DoLocal(ctx, EchoLarge, w.Data)
	case "side effect":
		return workflow.SideEffect(ctx, func() ([]byte, error) { return w.Data, nil })
	case "heartbeat":
		return workflow.Do(ctx, BeatLarge, w.Data)
	case "child":
		return workflow.DoChild(ctx, Inner, w.Data)
	case "continue as new":
		return nil, workflow.ContinueAsNew(ctx, Ways, way{"argument and result", w.Data})
	case "memo":
		return w.Data, workflow.UpsertMemo(ctx, map[string]any{"large": w.Data})
	case "external signal":
		if err := workflow.SignalExternal(ctx, "waits", largeSignal, w.Data); err != nil {
			return nil, err
		}
		return w.Data, nil
	case "failure":
		_, err := workflow.Do(ctx, FailLarge, w.Data)
		return nil, err
	}
	return nil, fmt.Errorf("there is no way %q", w.Name)
}

// Whatever way a value of a megabyte takes, it arrives, and what is stored of the run is small.
func TestLargeValuesTakeEveryWay(t *testing.T) {
	t.Parallel()
	e := small(t)
	e.Work(t, worker.Workflow(Ways), worker.Workflow(Waits), worker.Workflow(Inner), worker.Activity(EchoLarge), worker.Activity(BeatLarge),
		worker.Activity(FailLarge), worker.CacheSize(0))
	data := chaff(1 << 20)
	want := func(t *testing.T, got []byte, err error) {
		t.Helper()
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d other bytes came back, %v", len(got), err)
		}
	}
	for _, name := range []string{
		"argument and result", "activity", "local activity", "side effect", "heartbeat", "child", "continue as new", "memo",
	} {
		run := rig.Run(t, e, Ways, way{name, data}, client.ID(name), client.Memo(map[string]any{"start": data}))
		got, err := run.Wait(t.Context())
		want(t, got, err)
		wantSmall(t, e, name)
	}

	waits := rig.Run(t, e, Waits, 0, client.ID("waits"))
	got, err := client.Update(t.Context(), e.Client(), "waits", largeUpdate, data)
	want(t, got, err)
	got, err = client.Query(t.Context(), e.Client(), "waits", largeQuery, data)
	want(t, got, err)
	rig.Result(t, rig.Run(t, e, Ways, way{"external signal", data}, client.ID("external")))
	got, err = waits.Wait(t.Context())
	want(t, got, err)
	wantSmall(t, e, "waits")

	waits = rig.Run(t, e, Waits, 0, client.ID("waits again"))
	if err := client.Signal(t.Context(), e.Client(), "waits again", largeSignal, data); err != nil {
		t.Fatal(err)
	}
	got, err = waits.Wait(t.Context())
	want(t, got, err)
	wantSmall(t, e, "waits again")

	_, err = rig.Run(t, e, Ways, way{"failure", data}, client.ID("failure")).Wait(t.Context())
	f, ok := errors.AsType[*protocol.ApplicationFailure](err)
	if !ok || f.Details == nil {
		t.Fatalf("it failed with %T", err)
	}
	var details []byte
	if err := f.Details.Decode(&details); err != nil {
		t.Error(err)
	}
	want(t, details, nil)
	if n := strings.Count(messages(err), "too much "); n < 1500 {
		t.Errorf("of its message %d words came back", n)
	}
	wantSmall(t, e, "failure")
}

// wantSmall checks that the history of a run holds no large value, nor its start of one.
func wantSmall(t *testing.T, e *rig.Engine, id string) {
	t.Helper()
	size := 0
	for _, ev := range e.History(t, id) {
		data, err := protocol.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		size += len(data)
	}
	if size > 32<<10 {
		t.Errorf("the history of %s has %d bytes", id, size)
	}
}

// Many is a fan of activities with values of a size.
type Many struct{ Count, Size int }

// ManyLarge gives each activity a value that is large only together with the others', and gets it back.
func ManyLarge(ctx workflow.Context, m Many) (int, error) {
	futures := make([]workflow.Future[[]byte], m.Count)
	for i := range futures {
		data := chaff(m.Size)
		data[0], data[1] = byte(i), byte(i>>8)
		futures[i] = workflow.Start(ctx, EchoLarge, data)
	}
	right := 0
	for i, f := range futures {
		data, err := f.Get(ctx)
		if err != nil {
			return right, err
		}
		if len(data) == m.Size && data[0] == byte(i) && data[1] == byte(i>>8) && bytes.Equal(data[2:], chaff(m.Size)[2:]) {
			right++
		}
	}
	return right, nil
}

// What is too large for a message only in sum does not strand a run.
func TestManyMediumValues(t *testing.T) {
	t.Parallel()
	for _, m := range []Many{{20, 200 << 10}, {300, 10_000}, {10_000, 10_000}} {
		t.Run(fmt.Sprint(m), func(t *testing.T) {
			t.Parallel()
			if testing.Short() && m.Count > 1000 {
				t.Skip("takes seconds")
			}
			e := small(t)
			e.Work(t, worker.Workflow(ManyLarge), worker.Activity(EchoLarge), worker.Slots(100))
			begin := time.Now()
			if got := rig.Result(t, rig.Run(t, e, ManyLarge, m)); got != m.Count {
				t.Errorf("%d values came back, want %d", got, m.Count)
			}
			t.Logf("%v took %v", m, time.Since(begin))
		})
	}
}

// messages are those of an error and of all that led to it.
func messages(err error) string {
	if err == nil {
		return ""
	}
	return err.Error() + messages(errors.Unwrap(err))
}
