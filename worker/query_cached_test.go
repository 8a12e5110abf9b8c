package worker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var total = workflow.NewQuery[int, int]("total")

// query asks the worker about the script's run, and returns its last word and how often it said before that it is at work.
func (s *site) query(in int) (answer *protocol.WorkflowTaskAnswer, progress int) {
	s.t.Helper()
	input, err := protocol.Encode(in)
	if err != nil {
		s.t.Fatal(err)
	}
	answers := make(chan *protocol.WorkflowTaskAnswer, 100)
	s.queries(&protocol.QueryTask{
		Workflow: replaytest.Workflow, Run: replaytest.RunID, Query: protocol.WorkflowQuery{Name: total.Name(), Input: input},
	}, func(a *protocol.WorkflowTaskAnswer) error {
		answers <- a
		return nil
	})
	for {
		a := receive(s.t, answers, "an answer")
		if a.Worker != "worker-1" || a.SDK != SDK {
			s.t.Errorf("the answer is signed by %q, %q", a.Worker, a.SDK)
		}
		if !a.Progress {
			return a, progress
		}
		progress++
	}
}

// adder adds what it is asked with to what it has heard.
type adder struct{ hold chan struct{} }

func (a adder) run(ctx workflow.Context, n int) (string, error) {
	heard := 0
	workflow.HandleQuery(ctx, total, func(in int) (int, error) {
		if in < 0 {
			<-a.hold
		}
		return heard + in, nil
	})
	for range n {
		if _, err := workflow.Receive(ctx, word); err != nil {
			return "", err
		}
		heard++
	}
	return "", nil
}

// The cached run answers, and says which step left it so; nobody else does.
func TestQueryOfTheCache(t *testing.T) {
	bubble(t, func(t *testing.T) {
		code := adder{}
		s := work(t, flow(code.run), Version("v1"))
		if a, _ := s.query(1); a.Refusal != protocol.RefusalCacheMiss {
			t.Errorf("without the run in the cache the answer is %+v", a)
		}
		p := play(t, code.run, 3)
		for i := range 2 {
			st := p.next()
			s.takes(st, st.task)
			a, _ := s.query(10)
			if a.Query == nil || decode[int](t, a.Query.Result) != 10+i || a.Nonce != st.task.Nonce || a.Version != "v1" || a.Pinned {
				t.Errorf("after step %d the answer is %+v", i+1, a)
			}
			p.Signal("word", "a")
		}
	})
}

// A handler that blocks is given up, and its slot with it until it returns. The run is nobody's then.
func TestQueryThatBlocks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		code := adder{hold: make(chan struct{})}
		s := work(t, flow(code.run), WorkflowSlots(1))
		st := play(t, code.run, 1).next()
		s.takes(st, st.task)
		began := time.Now()
		a, progress := s.query(-1)
		if a.Failure == nil || progress != 19 || time.Since(began) != queryTimeout {
			t.Errorf("after %s and %d signs of life the answer is %+v", time.Since(began), progress, a)
		}
		if a, _ := s.query(1); a.Refusal != protocol.RefusalBusy {
			t.Errorf("with its slot taken the worker answers %+v", a)
		}
		close(code.hold)
		synctest.Wait()
		if a, _ := s.query(1); a.Query == nil || decode[int](t, a.Query.Result) != 1 {
			t.Errorf("with its slot free the worker answers %+v", a)
		}
	})
}

// A query waits for a step of its run, and then answers as the step left it.
func TestQueryDuringAStep(t *testing.T) {
	bubble(t, func(t *testing.T) {
		code := adder{}
		slow := func(ctx workflow.Context, n int) (string, error) {
			<-time.After(progressEvery / 2) // as no code should
			return code.run(ctx, n)
		}
		s := work(t, flow(slow))
		st := play(t, code.run, 1).next()
		s.steps(st.task, func(*protocol.WorkflowTaskAnswer) error { return nil })
		synctest.Wait() // the code is running
		if a, _ := s.query(1); a.Query == nil || a.Nonce != st.task.Nonce {
			t.Errorf("the answer is %+v, want one of step %s", a, st.task.Nonce)
		}
	})
}

// overtake tells the worker that the script's run goes on without its cache.
func (s *site) overtake(unless string) {
	s.queries(&protocol.QueryTask{Workflow: replaytest.Workflow, Run: replaytest.RunID, Overtaken: true, Unless: unless}, nil)
}

// hears checks which server the worker says it has heard everything through.
func (s *site) hears(want string) {
	s.t.Helper()
	if a, _ := s.query(1); a.Query == nil || a.HeardOn != want {
		s.t.Errorf("the answer is %+v, heard on %q, want %q", a.Query, a.HeardOn, want)
	}
}

// The worker says that it would know of a later step for as long as it does.
func TestQueryOfAWorkerThatHears(t *testing.T) {
	bubble(t, func(t *testing.T) {
		code := adder{}
		f := newFake()
		hears := func(server string, stretch uint64) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.hearing = protocol.Hearing{Server: server, Stretch: stretch}
		}
		hears("A", 0)
		s := at(t, f, flow(code.run))
		p := play(t, code.run, 3)
		st := p.next()
		s.takes(st, st.task)
		s.hears("A")
		s.overtake(st.task.Nonce) // by the step that it is at
		s.hears("A")
		hears("A", 1) // after a gap, in which it may have missed something
		s.hears("")
		p.Signal("word", "a")
		st = p.next()
		s.takes(st, st.task)
		s.hears("A")
		hears("", 0) // of several servers
		s.hears("")
		p.Signal("word", "b")
		st = p.next()
		s.takes(st, st.task)
		s.hears("")
		hears("A", 1)
		s.hears("")
		s.overtake("another")
		if a, _ := s.query(1); a.Refusal != protocol.RefusalCacheMiss {
			t.Errorf("a run that goes on elsewhere is answered for with %+v", a)
		}
	})
}

// Who has taken a run out of the cache, and brings it back after it was overtaken, does not bring back what the worker said of it.
func TestQueryDuringWhichTheRunIsOvertaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		code := adder{hold: make(chan struct{})}
		f := newFake()
		f.hearing = protocol.Hearing{Server: "A"}
		s := at(t, f, flow(code.run))
		p := play(t, code.run, 3)
		st := p.next()
		s.takes(st, st.task)
		begun := make(chan *protocol.WorkflowTaskAnswer, 1)
		input, err := protocol.Encode(-1)
		if err != nil {
			t.Fatal(err)
		}
		ask := func() {
			s.queries(&protocol.QueryTask{
				Workflow: replaytest.Workflow, Run: replaytest.RunID, Query: protocol.WorkflowQuery{Name: total.Name(), Input: input},
			}, func(a *protocol.WorkflowTaskAnswer) error {
				if !a.Progress {
					begun <- a
				}
				return nil
			})
		}
		ask()
		synctest.Wait() // the handler has the run
		s.overtake("")
		code.hold <- struct{}{}
		if a := receive(t, begun, "the answer"); a.HeardOn != "A" {
			t.Errorf("a query that was asked before is answered as heard on %q", a.HeardOn)
		}
		s.hears("")
		// One whose handler does not come back for so long that the run's next step begins without it.
		p.Signal("word", "a")
		st = p.next()
		s.takes(st, st.task)
		ask()
		receive(t, begun, "the failure")
		p.Signal("word", "b")
		st = p.next()
		s.misses(st.task)
		s.takes(st, st.full)
		s.overtake(st.task.Nonce)
		s.hears("A")
		code.hold <- struct{}{}
		synctest.Wait() // it has given the run back as it was
		s.hears("A")
	})
}
