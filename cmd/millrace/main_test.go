package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/millrace-dev/millrace/cmd/examples/hello/greetings"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/test/leaks"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// TestMain makes this test binary the command that the scripts run.
func TestMain(m *testing.M) {
	testscript.Main(leakless{m}, map[string]func(){
		"millrace": main, "greeter": greeter(wait), "changed-greeter": greeter(waitLonger),
	})
}

// commands are further commands of the scripts. "until TEXT COMMAND..." runs a command until it prints the text: rows of runs, which list
// shows, come after their runs. "large FILE" writes a value that goes to the object store.
//
// "publish SUBJECT BODY [HEADER VALUE]..." publishes a message as it is.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"large": func(ts *testscript.TestScript, _ bool, args []string) {
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(`"`+strings.Repeat(args[0], 60_000)+`"`), 0o600))
	},
	"publish": func(ts *testscript.TestScript, _ bool, args []string) {
		nc, err := nats.Connect(ts.Getenv("NATS_URL"))
		ts.Check(err)
		defer nc.Close()
		m := &nats.Msg{Subject: args[0], Data: []byte(args[1]), Header: nats.Header{}}
		for header := range slices.Chunk(args[2:], 2) {
			m.Header.Set(header[0], header[1])
		}
		_, err = nc.RequestMsg(m, 5*time.Second) // the stream's acknowledgement
		ts.Check(err)
	},
	"until": func(ts *testscript.TestScript, _ bool, args []string) {
		for found := false; !found; found = strings.Contains(ts.ReadFile("stdout"), args[0]) {
			ts.Check(ts.Exec(args[1], args[2:]...))
		}
	},
}

// leakless fails a run of the tests that leaves goroutines behind.
type leakless struct{ *testing.M }

// Run implements [testscript.TestingM].
func (l leakless) Run() int {
	code := l.M.Run()
	err := goleak.Find(leaks.Known()...)
	if code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// The scripts show what a person sees. Each has a NATS with a node and a worker of its own, at $NATS_URL.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{Dir: "testdata", RequireExplicitExec: true, Cmds: commands, Setup: func(e *testscript.Env) error {
		url, err := serve(e)
		e.Setenv("NATS_URL", url)
		return err
	}})
}

// A demo that is interrupted has shown nothing, and says so.
func TestInterruptedDemo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, err strings.Builder
	if status := execute(ctx, []string{"demo", "--out", t.TempDir()}, std{out: &out, err: &err}); status != exitError {
		t.Errorf("the status is %d", status)
	}
	if !strings.Contains(err.String(), "interrupted") {
		t.Errorf("it says %q", err.String())
	}
}

// A node beside a NATS says when it is ready, works, and ends well when it is interrupted.
func TestServe(t *testing.T) {
	t.Parallel()
	srv, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", Sync: "1m"})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	ready, out := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- execute(ctx, []string{"serve", "--server", srv.URL(), "--json"}, std{out: out, err: io.Discard})
	}()
	var says map[string]string
	if err := json.NewDecoder(ready).Decode(&says); err != nil || says["url"] != srv.URL() || says["namespace"] != "default" {
		t.Errorf("it says %v, %v", says, err)
	}
	var list strings.Builder
	if status := execute(t.Context(), []string{"list", "--server", srv.URL(), "--json"}, std{out: &list, err: io.Discard}); status != exitOK {
		t.Errorf("a list ends with %d", status)
	}
	interrupt()
	if status := <-ended; status != exitOK {
		t.Errorf("it ends with %d", status)
	}
}

// wait is a workflow that needs a signal to go on.
func wait(ctx workflow.Context, _ struct{}) (string, error) {
	workflow.HandleQuery(ctx, workflow.NewQuery[struct{}, string]("state"), func(struct{}) (string, error) { return "waits for go", nil })
	return workflow.Receive(ctx, workflow.NewSignal[string]("go"))
}

// waitLonger is another version of wait, which cannot go on with its runs.
func waitLonger(ctx workflow.Context, in struct{}) (string, error) {
	if err := workflow.Sleep(ctx, time.Minute); err != nil {
		return "", err
	}
	return wait(ctx, in)
}

// greeter is the program of a worker, as people write it.
func greeter(waits func(workflow.Context, struct{}) (string, error)) func() {
	return func() {
		nc, err := nats.Connect(os.Getenv("NATS_URL"))
		if err != nil {
			panic(err)
		}
		defer nc.Close()
		w := worker.New(nc, greetings.Queue, worker.Workflow(waits, worker.Named("Wait")), worker.Workflow(ask, worker.Named("Ask")))
		if err := w.Run(context.Background()); err != nil {
			panic(err)
		}
		fmt.Println("the greeter has ended")
	}
}

// broken is a workflow that fails.
func broken(workflow.Context, struct{}) (string, error) {
	return "", workflow.NewError("Broken", "it was broken from the start")
}

// family is a workflow with a child, which signals somebody who is not there, and then, for as long as it takes, "other".
func family(ctx workflow.Context, in struct{}) (string, error) {
	baby := workflow.NewWorkflow[struct{}, string]("Wait").Start(ctx, in, workflow.ChildID("baby"))
	if _, err := baby.Started(ctx); err != nil {
		return "", err
	}
	_ = workflow.SignalExternal(ctx, "nobody", workflow.NewSignal[string]("go"), "on")
	for workflow.SignalExternal(ctx, "other", workflow.NewSignal[string]("go"), "on") != nil {
		if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
			return "", err
		}
	}
	return baby.Get(ctx)
}

// ask is a workflow that has somebody answer on a queue.
func ask(ctx workflow.Context, queue string) (string, error) {
	return workflow.NewActivity[string, string]("Answer").Do(ctx, "what is it?", workflow.Queue(queue))
}

// answer is an activity that a person completes.
func answer(context.Context, string) (string, error) { return "", activity.ErrResultPending }

// counter is a workflow that adds up what its updates carry.
func counter(ctx workflow.Context, _ struct{}) (int, error) {
	sum := 0
	workflow.HandleUpdate(ctx, workflow.NewUpdate[int, int]("add"), func(_ workflow.Context, n int) (int, error) {
		if n > 100 {
			return 0, workflow.NewError("TooMuch", "that is too much")
		}
		sum += n
		return sum, nil
	}, workflow.Validate(func(_ workflow.Context, n int) error {
		if n < 0 {
			return workflow.NewError("Negative", "less than nothing")
		}
		return nil
	}))
	workflow.HandleUpdate(ctx, workflow.NewUpdate[struct{}, int]("wait"), func(ctx workflow.Context, _ struct{}) (int, error) {
		_, err := workflow.Receive(ctx, workflow.NewSignal[string]("go"))
		return sum, err
	})
	_, err := workflow.Receive(ctx, workflow.NewSignal[string]("end"))
	return sum, err
}

func serve(e *testscript.Env) (url string, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	srv, err := orchestrator.Start(ctx, orchestrator.Options{Dir: e.Cd + "/.data", Listen: "127.0.0.1:0", Sync: "1m", Shards: 1})
	if err != nil {
		cancel()
		return "", err
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	w := worker.New(srv.Conn(), greetings.Queue, worker.Identity("worker-1"), worker.OnReady(func() { close(ready) }),
		worker.Workflow(greetings.Greet), worker.Activity(greetings.Hello),
		worker.Workflow(wait, worker.Named("Wait")), worker.Workflow(broken, worker.Named("Broken")),
		worker.Workflow(counter, worker.Named("Counter")), worker.Workflow(ask, worker.Named("Ask")),
		worker.Activity(answer, worker.Named("Answer")),
		worker.Workflow(family, worker.Named("Family")))
	go func() { ended <- w.Run(ctx) }()
	discreet, err := serveSecrets(ctx, srv)
	if err != nil {
		cancel()
		return "", err
	}
	e.Defer(func() {
		cancel()
		for _, worker := range []<-chan error{ended, discreet} {
			if err := <-worker; err != nil {
				panic(err) // a worker did not stop as it should
			}
		}
		<-srv.Done()
	})
	select {
	case <-ready:
		return srv.URL(), nil
	case err := <-ended:
		ended <- err
		return "", err
	}
}
