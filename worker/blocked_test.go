package worker

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// blocker is workflow code that waits for a Go channel, as none should.
type blocker struct{ open chan struct{} }

func (b blocker) run(workflow.Context, int) (string, error) {
	<-b.open
	return "", nil
}

// Go cannot stop code that blocks. The step fails with a hint, and the worker shows that it is alive until then.
func TestCodeThatBlocksFailsItsStepWithAHint(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := blocker{make(chan struct{})}
		defer close(b.open)
		s := work(t, flow(b.run))
		task := *play(t, echo, 1).next().task
		task.Timeout = protocol.Duration(10*time.Second + 250*time.Millisecond)
		began := time.Now()
		a, progress := s.ask(&task)
		if after := time.Since(began); after != time.Duration(task.Timeout) || a.Cause != protocol.CauseWorkflowPanic {
			t.Errorf("after %s: %+v", after, a)
		}
		if a.Failure == nil || !strings.Contains(a.Failure.Message, "test.Workflow did not yield within 10.25s") ||
			!strings.Contains(a.Failure.Message, "a Go channel, a mutex, I/O") {
			t.Errorf("the report is %v", a.Failure)
		}
		if len(progress) != 20 {
			t.Errorf("the worker said %d times that it is at work, want twice a second", len(progress))
		}
		for i, at := range progress {
			if want := time.Duration(i+1) * 500 * time.Millisecond; at != want {
				t.Errorf("word %d came after %s, want %s", i, at, want)
			}
		}
	})
}

// The goroutine is lost until the code returns, so its slot is, too: a worker full of such code must not take more of it.
func TestCodeThatBlocksKeepsItsSlot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := blocker{make(chan struct{})}
		s := work(t, flow(b.run), WorkflowSlots(1))
		st := play(t, echo, 1).next()
		_ = s.fails(st.task, protocol.CauseWorkflowPanic)
		if a, _ := s.ask(st.task); a.Refusal != protocol.RefusalBusy {
			t.Errorf("with its slot taken the worker answers %+v", a)
		}
		close(b.open)
		synctest.Wait()
		if a, _ := s.ask(st.task); a.Refusal != "" || a.Failure != nil || len(a.Commands) != 1 {
			t.Errorf("with its slot free the worker answers %+v", a)
		}
	})
}

// A step that came to its end after it was given up may not be continued: another worker has taken it.
func TestStepThatEndsTooLateIsNotContinued(t *testing.T) {
	bubble(t, func(t *testing.T) {
		open := make(chan struct{})
		s := work(t, flow(func(ctx workflow.Context, n int) (string, error) {
			<-open
			return echo(ctx, n)
		}))
		p := play(t, echo, 1)
		st := p.next()
		late := *st.task
		late.Nonce = "given up"
		_ = s.fails(&late, protocol.CauseWorkflowPanic)
		close(open)
		synctest.Wait()
		p.Signal("word", "a")
		st = p.next()
		s.misses(st.task)
		s.takes(st, st.full)
	})
}
