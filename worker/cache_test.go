package worker

import (
	"strconv"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

func TestStepsContinueOnTheCachedRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		code := &traced{}
		s := work(t, flow(code.echo))
		p := play(t, echo, 2)
		st := p.next()
		s.takes(st, st.task)
		for i, say := range []string{"a", "b"} {
			p.Signal("word", say)
			st = p.next()
			s.takes(st, st.task)
			p.Complete(p.Activities()[0].ID, strings.ToUpper(say))
			st = p.next()
			s.takes(st, st.task)
			if code.begun.Load() != 1 {
				t.Fatalf("after word %d the code has begun %d times", i, code.begun.Load())
			}
		}
		if !p.Closed() || code.ended.Load() != 1 {
			t.Errorf("the run has ended: %t, its code %d times", p.Closed(), code.ended.Load())
		}
		s.misses(st.task) // nothing keeps a run that has ended
	})
}

// A worker that restarted, or never saw the run, says so at once and is sent the history.
func TestRunThatIsNotInTheCacheIsReplayed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := play(t, echo, 1)
		p.next()
		p.Signal("word", "a")
		st := p.next()
		s := work(t, flow(echo))
		s.misses(st.task)
		s.takes(st, st.full)
		p.Complete(p.Activities()[0].ID, "A")
		st = p.next()
		s.takes(st, st.task) // the replayed run is in the cache now
	})
}

// brief leaves out of a task what became of the commands of the step before.
func brief(task *protocol.WorkflowTask, commands int) *protocol.WorkflowTask {
	short := *task
	short.Recorded, short.Events = task.After+1+int64(commands), task.Events[1+commands:]
	return &short
}

// A worker need not be told what it commanded itself, if it still has the run.
func TestCachedRunKnowsItsOwnCommands(t *testing.T) {
	bubble(t, func(t *testing.T) {
		code := &traced{}
		s := work(t, flow(code.echo))
		p := play(t, echo, 2)
		before := p.next()
		s.takes(before, before.task)
		for _, say := range []string{"a", "b"} {
			p.Signal("word", say)
			st := p.next()
			s.takes(st, brief(st.task, len(before.want)))
			p.Complete(p.Activities()[0].ID, strings.ToUpper(say))
			before = p.next()
			s.takes(before, brief(before.task, len(st.want)))
		}
		if !p.Closed() || code.begun.Load() != 1 {
			t.Errorf("the run has ended: %t, its code has begun %d times", p.Closed(), code.begun.Load())
		}
	})
}

// Another number of events than the run has commands, or the lack of the run, is as if another step was recorded.
func TestRunThatDidNotCommandThatIsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		code := &traced{}
		s := work(t, flow(code.echo))
		p := play(t, echo, 1)
		first := p.next()
		s.takes(first, first.task)
		p.Signal("word", "a")
		st := p.next()
		s.misses(brief(st.task, len(first.want)+1))
		if code.ended.Load() != 1 {
			t.Errorf("the run's code was not unwound")
		}
		s.misses(brief(st.task, len(first.want)))
		s.takes(st, st.full)
	})
}

// What a cached run saw may never have been recorded: then another step was. Only the nonces tell.
func TestCachedRunOfALostStepIsForgotten(t *testing.T) {
	tests := map[string]func(*protocol.WorkflowTask){
		"another step was recorded":         func(task *protocol.WorkflowTask) { task.Base = "of another worker" },
		"the same step with further events": func(task *protocol.WorkflowTask) { task.After++ },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				code := &traced{}
				s := work(t, flow(code.echo))
				p := play(t, echo, 1)
				st := p.next()
				s.takes(st, st.task)
				p.Signal("word", "a")
				st = p.next()
				wrong := *st.task
				change(&wrong)
				s.misses(&wrong)
				if code.ended.Load() != 1 {
					t.Errorf("the run's code was not unwound")
				}
				s.misses(st.task)
				s.takes(st, st.full)
			})
		})
	}
}

// A task with the whole history is right by itself, whatever the cache holds.
func TestWholeHistoryReplacesTheCachedRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		code := &traced{}
		s := work(t, flow(code.echo))
		p := play(t, echo, 1)
		st := p.next()
		s.takes(st, st.task)
		p.Signal("word", "a")
		st = p.next()
		s.takes(st, st.full)
		if code.begun.Load() != 2 || code.ended.Load() != 1 {
			t.Errorf("the code began %d times and was unwound %d times, want 2 and 1", code.begun.Load(), code.ended.Load())
		}
	})
}

func TestWorkerWithoutACacheReplaysEveryStep(t *testing.T) {
	for _, size := range []int{0, -1} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				code := &traced{}
				s := work(t, flow(code.echo), CacheSize(size))
				p := play(t, echo, 1)
				st := p.next()
				s.takes(st, st.task)
				p.Signal("word", "a")
				st = p.next()
				s.misses(st.task)
				s.takes(st, st.full)
				if code.begun.Load() != 2 || code.ended.Load() != 2 {
					t.Errorf("the code began %d times and was unwound %d times, want 2 and 2", code.begun.Load(), code.ended.Load())
				}
			})
		})
	}
}

func TestFullCacheForgetsTheRunUnusedForLongest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		code := &traced{}
		s := work(t, flow(code.echo), CacheSize(2))
		p := play(t, echo, 1)
		begin, next := p.next(), step{}
		for _, run := range []string{"old", "used", "new"} {
			task := *begin.task
			task.Run = run
			s.takes(begin, &task)
			if run != "used" {
				continue
			}
			p.Signal("word", "a")
			next = p.next()
			task = *next.task
			task.Run = "old" // which makes it younger than "used"
			s.takes(next, &task)
		}
		if code.ended.Load() != 1 {
			t.Errorf("%d runs were unwound, want 1", code.ended.Load())
		}
		for run, want := range map[string]protocol.Refusal{"used": protocol.RefusalCacheMiss, "new": ""} {
			task := *next.task
			task.Run = run
			if a, _ := s.ask(&task); a.Refusal != want || a.Failure != nil {
				t.Errorf("run %q: got %+v, want refusal %q", run, a, want)
			}
		}
	})
}
