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
