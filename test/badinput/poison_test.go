package badinput

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Deadly kills its worker.
func Deadly(context.Context, string) (string, error) {
	os.Exit(3)
	return "", nil
}

// Doomed runs an activity that kills every worker.
func Doomed(ctx workflow.Context, in string) (string, error) {
	return workflow.Do(ctx, Deadly, in, workflow.Attempts(2))
}

// Panics panics on every try.
func Panics(workflow.Context, string) (string, error) { panic("poison") }

type poison struct{ over chan struct{} }

// Spins never yields, until the test is over.
func (p poison) Spins(workflow.Context, string) (string, error) {
	<-p.over
	return "", nil
}

// Endless asks for activities without end.
func Endless(ctx workflow.Context, in string) (string, error) {
	for range 1_000_000 {
		workflow.Start(ctx, Hello, in)
	}
	return "", nil
}

// Heavy asks for so much that no record can hold it, and none of it is a value that could go elsewhere.
func Heavy(ctx workflow.Context, _ string) (string, error) {
	seed := workflow.Rand(ctx)
	for range 20_000 {
		name := fmt.Sprintf("%016x%016x%016x%016x%016x%016x", seed.Uint64(), seed.Uint64(), seed.Uint64(), seed.Uint64(), seed.Uint64(), seed.Uint64())
		workflow.NewActivity[string, string](name).Start(ctx, "")
	}
	return workflow.Receive(ctx, workflow.NewSignal[string]("word"))
}

// Strange reads what an activity returned as something else.
func Strange(ctx workflow.Context, in string) (int, error) {
	return workflow.NewActivity[string, int]("badinput.Hello").Do(ctx, in, workflow.Attempts(2))
}

// median is how long a hello takes, on the shard of all the poison, of as many as there are in a while.
func (h *house) median(t *testing.T, what string, while time.Duration) time.Duration {
	t.Helper()
	var took []time.Duration
	for i, first := 0, time.Now(); time.Since(first) < while; i++ {
		begin := time.Now()
		run, err := client.Start(t.Context(), h.Client(), Greet, "Ada", client.Queue(rig.Queue), client.ID(name(fmt.Sprintf("%s-%d", what, i), 0)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := run.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// fails waits until a run's step fails, and returns why.
func (h *house) fails(t *testing.T, id string) (why string) {
	t.Helper()
	rig.Until(t, "the failure of "+id, func() bool {
		d, err := h.Client().Describe(t.Context(), id)
		if err != nil || d.Task == nil || d.Task.Failure == nil {
			return false
		}
		why = d.Task.Failure.Message
		return true
	})
	return why
}

// Workflows that fail in every way leave the others of their shard and their queue alone.
func TestPoisonWorkflows(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	p := poison{over: make(chan struct{})}
	h := open(t, worker.Workflow(Panics), worker.Workflow(p.Spins, worker.Named("Spins")), worker.Workflow(Endless), worker.Workflow(Heavy),
		worker.Workflow(Strange), worker.BlobThreshold(1<<20))
	t.Cleanup(func() { close(p.over) })
	before := h.median(t, "before", time.Second)

	begin := func(wf string) string {
		id := name(wf, 0)
		_, err := client.StartNamed[string](t.Context(), h.Client(), wf, "x", client.Queue(rig.Queue), client.ID(id),
			client.TaskTimeout(2*time.Second))
		if err != nil {
			t.Fatalf("%s: %v", wf, err)
		}
		return id
	}
	want := map[string]string{
		"badinput.Panics": "poison", "Spins": "did not yield", "badinput.Endless": "more than 50000 things", "badinput.Heavy": "max_payload",
	}
	ids := map[string]string{}
	for wf := range want {
		ids[wf] = begin(wf)
	}
	damaged := name("damaged", 0)
	start(t, h, damaged)
	h.publish(t, ns.History(0, damaged), []byte("{broken"))
	strange := begin("badinput.Strange")
	for range 20 { // whatever is told to a workflow that cannot go on waits, or goes to the dead letters
		for _, id := range append([]string{damaged}, ids["badinput.Panics"], ids["Spins"]) {
			body := []byte(`{"signal":"word","input":{"data":"x"}}`)
			h.publish(t, ns.Input(0, protocol.KindSignal, id), body)
		}
	}
	during := h.median(t, "during", 4*time.Second)
	for wf, part := range want {
		if why := h.fails(t, ids[wf]); !strings.Contains(why, part) {
			t.Errorf("%s fails with %.300s", wf, why)
		}
	}
	_, err := client.Get[int](h.Client(), strange, "").Wait(t.Context())
	if err == nil || !strings.Contains(err.Error(), "cannot be decoded") {
		t.Errorf("a result of another type: %v", err)
	}
	t.Logf("a hello takes %v before and %v beside the poison", before, during)
	// The machine is shared by all tests; what is held is that nobody waits for a time-out of another's.
	if during > 10*before+50*time.Millisecond {
		t.Errorf("a hello takes %v beside the poison, and %v without", during, before)
	}
}

// A workflow that cannot go on, and is told more than a shard has in work at once, keeps nobody out; what it was told is in its history, or
// among the dead letters when that cannot be read.
func TestFlood(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	p := poison{over: make(chan struct{})}
	h := open(t, worker.Workflow(p.Spins, worker.Named("Spins")))
	t.Cleanup(func() { close(p.over) })
	const n = 10_000
	spins, newer := name("spins", 0), name("newer", 0)
	_, err := client.StartNamed[string](t.Context(), h.Client(), "Spins", "x", client.Queue(rig.Queue), client.ID(spins),
		client.TaskTimeout(500*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	start(t, h, newer)
	h.publish(t, ns.History(0, newer), []byte(`{"v":99,"events":[{"id":1,"type":"WorkflowExecutionFlown","attributes":{}}]}`))
	for _, id := range []string{spins, newer} {
		for range n {
			h.publish(t, ns.Input(0, protocol.KindSignal, id), []byte(`{"signal":"word","input":{"data":"x"}}`))
		}
	}
	var worst time.Duration
	first := time.Now()
	for i := 0; time.Since(first) < 3*time.Second; i++ {
		begin := time.Now()
		h.hello(t, fmt.Sprintf("flood-%d", i))
		worst = max(worst, time.Since(begin))
	}
	t.Logf("the slowest two hellos took %v", worst)
	if worst > 5*time.Second { // the machine is shared; without room it takes as long as forty steps that time out
		t.Errorf("two hellos took %v", worst)
	}
	rig.Until(t, "the signals in the history", func() bool {
		d, err := h.Client().Describe(t.Context(), spins)
		return err == nil && d.HistoryLength > n
	})
	if got := len(rig.Find[protocol.WorkflowExecutionSignaled](h.History(t, spins))); got != n {
		t.Errorf("%d signals are recorded, want %d", got, n)
	}
	for _, d := range h.letters(t)[ns.Input(0, protocol.KindSignal, newer)] {
		if d.Code != protocol.CodeUnsupported {
			t.Fatalf("a dead letter says %s: %s", d.Code, d.Reason)
		}
	}
}

// An activity that kills its worker each time has its attempts counted, and ends by its policy; the others of its queue go on.
func TestDeadlyActivity(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	e := rig.Start(t, func(o *orchestrator.Options) { o.Listen = "127.0.0.1:0" })
	e.Work(t, worker.Workflow(Doomed), worker.Workflow(Greet))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	deaths := make(chan int, 1)
	ready := make(chan struct{}, 100)
	go func() { // a supervisor, as there is one everywhere
		n := 0
		defer func() { deaths <- n }()
		for ctx.Err() == nil {
			if child(ctx, t, e.URL(), ready) == 3 {
				n++
			}
		}
	}()
	<-ready
	run := rig.Run(t, e, Doomed, "x")
	for i := range 20 {
		if got := rig.Result(t, rig.Run(t, e, Greet, "Ada", client.ID(fmt.Sprintf("beside-%d", i)))); got != "Hello Ada" {
			t.Errorf("beside it: %q", got)
		}
	}
	_, err := run.Wait(t.Context())
	cancel()
	if err == nil || !strings.Contains(err.Error(), "did not report back") {
		t.Errorf("the workflow ended with %v", err)
	}
	failed := rig.Find[protocol.ActivityTaskTimedOut](e.History(t, run.ID()))
	if len(failed) != 1 || failed[0].RetryState != protocol.RetryMaximumAttemptsReached {
		t.Errorf("the activity ended with %+v", failed)
	}
	if n := <-deaths; n != 2 {
		t.Errorf("%d workers died, want 2: one for each attempt", n)
	}
}

// child runs a worker in a process of its own until it dies, and returns its exit status.
func child(ctx context.Context, t *testing.T, url string, ready chan<- struct{}) int {
	t.Helper()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), envServer+"="+url)
	in, err := cmd.StdinPipe()
	if err != nil {
		return -1
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return -1
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err == nil {
		ready <- struct{}{}
	}
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}
