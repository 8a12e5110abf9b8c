package worker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// laps runs n activities, one after the other: each gets what the one before returned, and the time.
func laps(ctx workflow.Context, n int) (string, error) {
	baton := "go"
	for range n {
		var err error
		if baton, err = local.Do(ctx, baton+" "+workflow.Now(ctx).Format(time.TimeOnly)); err != nil {
			return "", err
		}
	}
	return baton, nil
}

func (c *traced) laps(ctx workflow.Context, n int) (string, error) {
	c.begun.Add(1)
	defer c.ended.Add(1)
	return laps(ctx, n)
}

// lasts is how long the tests' activity takes.
const lasts = 300 * time.Millisecond

func passes(_ context.Context, in string) (string, error) {
	<-time.After(lasts)
	switch in {
	case "no":
		return "", errNo
	case "slowly":
		<-time.After(foreseeWithin)
	}
	return "passed", nil
}

// race is a worker that has taken the first step of a run, which asked for activity 1: event 5.
type race struct {
	*site

	p *script
}

func begins(t *testing.T, n int, code func(workflow.Context, int) (string, error), opts ...Option) *race {
	t.Helper()
	s := work(t, append([]Option{flow(code), act(passes), Slots(4)}, opts...)...)
	p := play(t, laps, n)
	st := p.next()
	s.takes(st, st.task)
	return &race{site: s, p: p}
}

// handOver is what the worker is handed when its step is recorded.
func (r *race) handOver(t *testing.T) protocol.HandOver {
	t.Helper()
	last := r.p.History[len(r.p.History)-1]
	return protocol.HandOver{
		Tasks: []protocol.ActivityTask{attempt(t, "in", func(a *protocol.ActivityTask) {
			a.Workflow, a.Run, a.WorkflowType = replaytest.Workflow, replaytest.RunID, replaytest.Type
			a.ScheduledID, a.ActivityID = last.ID, r.p.Activities()[0].ID
		})},
		Next: &protocol.Foresight{Base: r.p.base, CompletedID: last.ID - 1, LastID: last.ID, Time: last.Time, HistorySize: 7},
	}
}

// reports lets the activity run that the worker is handed, and returns what is reported of it.
func (r *race) reports(t *testing.T, h protocol.HandOver) protocol.ActivityResult {
	t.Helper()
	r.hand(h)
	<-time.After(lasts + foreseeFor)
	synctest.Wait()
	if len(r.results) != 1 {
		t.Fatalf("the reports are %+v", r.results)
	}
	result := r.results[0]
	r.results = nil
	if result.Failure != nil {
		t.Errorf("the attempt failed: %v", result.Failure)
	}
	return result
}

// ends lets the activity end in the script, and the next step be taken at a time.
func (r *race) ends(at time.Time) step {
	r.p.Now = at
	r.p.Complete(r.p.Activities()[0].ID, "passed")
	r.p.Call()
	r.p.Now = at
	return r.p.next()
}

// idle holds that nothing is left of a step: no slot, and no run that is out of the cache.
func (r *race) idle(t *testing.T) {
	t.Helper()
	r.w.cache.mu.Lock()
	defer r.w.cache.mu.Unlock()
	if len(r.w.steps) > 0 || len(r.w.cache.out) > 0 {
		t.Errorf("%d steps are under way, and %d runs are out", len(r.w.steps), len(r.w.cache.out))
	}
}

// The worker takes one step after the other, and nobody asks it: each answer goes with the result, and says what the script says. The time
// of a step is that of the last record and what has passed by the worker's clock.
func TestForeseenSteps(t *testing.T) {
	bubble(t, func(t *testing.T) {
		code := &traced{}
		r := begins(t, 3, code.laps)
		nonces := map[string]bool{}
		for n := range 3 {
			h := r.handOver(t)
			result := r.reports(t, h)
			r.idle(t)
			next := result.Next
			if next == nil || next.Base != h.Next.Base || next.ScheduledID != h.Next.LastID+3 || nonces[next.Nonce] {
				t.Fatalf("after activity %d: %+v", n+1, next)
			}
			if want := h.Next.Time.Add(lasts); !next.Time.Equal(want) || next.Time.Location() != time.UTC {
				t.Errorf("the step is of %s, want %s", next.Time, want)
			}
			nonces[next.Nonce] = true
			want := r.ends(next.Time)
			if got, want := encode(t, next.Answer.Commands), encode(t, want.want); got.String() != want.String() {
				t.Errorf("after activity %d: got commands\n%s\nwant\n%s", n+1, got, want)
			}
			if a := next.Answer; a.Worker != "worker-1" || a.SDK != SDK || len(a.Takes) != len(r.p.Activities()) {
				t.Errorf("the answer is %+v", a)
			}
			r.p.base = next.Nonce
		}
		if !r.p.Closed() || code.begun.Load() != 1 || code.ended.Load() != 1 || r.w.cache.order.Len() != 0 {
			t.Errorf("the run has ended: %t; its code began %d times and ended %d times", r.p.Closed(), code.begun.Load(), code.ended.Load())
		}
	})
}

// A foreseen step that is recorded is like any other: the next one continues on the cached run.
func TestForeseenStepIsKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		code := &traced{}
		r := begins(t, 2, code.laps)
		next := r.reports(t, r.handOver(t)).Next
		r.ends(next.Time)
		r.p.base = next.Nonce
		st := r.ends(next.Time.Add(time.Minute))
		r.takes(st, st.task)
		if code.begun.Load() != 1 {
			t.Errorf("the code began %d times", code.begun.Load())
		}
	})
}

// If another step is recorded in its place, the run is forgotten, and the next steps of its type are not foreseen.
func TestForeseenStepInVain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		code := &traced{}
		r := begins(t, skipFirst+3, code.laps)
		next := r.reports(t, r.handOver(t)).Next
		st := r.ends(next.Time.Add(1))
		r.misses(st.task)
		if code.ended.Load() != 1 {
			t.Error("the run's code was not unwound")
		}
		r.takes(st, st.full)
		for range skipFirst {
			if next := r.reports(t, r.handOver(t)).Next; next != nil {
				t.Fatalf("the next step was foreseen: %+v", next)
			}
			st = r.ends(r.p.Now)
			r.takes(st, st.task)
		}
		if next := r.reports(t, r.handOver(t)).Next; next == nil {
			t.Error("no step is foreseen any more")
		}
		if code.begun.Load() != 2 {
			t.Errorf("the code began %d times", code.begun.Load())
		}
	})
}

var errNo = errors.New("no")

// A step that cannot be foreseen costs nothing: the result goes alone, and what the worker has of the run stays, if it is of use.
func TestNothingIsForeseen(t *testing.T) {
	tests := map[string]struct {
		opts   []Option
		before func(*race, *protocol.HandOver)
		fails  bool
	}{
		"not told":                  {before: func(_ *race, h *protocol.HandOver) { h.Next = nil }},
		"the activity fails":        {before: func(_ *race, h *protocol.HandOver) { h.Tasks[0].Input = encode(t, "no") }, fails: true},
		"the activity takes long":   {before: func(_ *race, h *protocol.HandOver) { h.Tasks[0].Input = encode(t, "slowly") }},
		"another step was recorded": {before: func(_ *race, h *protocol.HandOver) { h.Next.Base = "n0" }},
		"with other events":         {before: func(_ *race, h *protocol.HandOver) { h.Next.LastID++ }},
		"not in the cache":          {opts: []Option{CacheSize(0)}},
		"no slot": {opts: []Option{WorkflowSlots(1)}, before: func(r *race, _ *protocol.HandOver) {
			r.w.takeSlot()
			time.AfterFunc(time.Minute, func() { <-r.w.steps })
		}},
		"the run takes a step": {before: func(r *race, _ *protocol.HandOver) {
			c, done, _ := r.w.cache.tryTake(replaytest.RunID)
			time.AfterFunc(time.Minute, func() {
				r.w.cache.put(c)
				done()
			})
		}},
		"the worker drains": {before: func(r *race, _ *protocol.HandOver) { time.AfterFunc(lasts/2, r.stop) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				code := &traced{}
				r := begins(t, 2, code.laps, tt.opts...)
				h := r.handOver(t)
				if tt.before != nil {
					tt.before(r, &h)
				}
				r.hand(h)
				<-time.After(time.Minute / 2)
				synctest.Wait()
				if len(r.results) != 1 || r.results[0].Next != nil || (r.results[0].Failure != nil) != tt.fails {
					t.Errorf("the reports are %+v", r.results)
				}
				<-time.After(time.Minute)
				synctest.Wait()
				r.idle(t)
				if code.begun.Load() != 1 {
					t.Errorf("the code began %d times", code.begun.Load())
				}
			})
		})
	}
}

// Code that does not come to an end of its step soon, or to a good one, has its result reported without it. The run is unwound.
func TestStepThatIsNotForeseen(t *testing.T) {
	tests := map[string]struct {
		code  func(ctx workflow.Context, gate chan struct{}) error
		waits time.Duration
	}{
		"local activities": {func(ctx workflow.Context, _ chan struct{}) error {
			_, err := local.DoLocal(ctx, "here")
			return err
		}, 0},
		"a panic":              {func(workflow.Context, chan struct{}) error { panic("a vase") }, 0},
		"code that takes long": {func(_ workflow.Context, gate chan struct{}) error { <-gate; return nil }, foreseeFor},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				gate, code := make(chan struct{}), &traced{}
				r := begins(t, 2, func(ctx workflow.Context, n int) (string, error) {
					code.begun.Add(1)
					defer code.ended.Add(1)
					if _, err := local.Do(ctx, "go "+workflow.Now(ctx).Format(time.TimeOnly)); err != nil {
						return "", err
					}
					if err := tt.code(ctx, gate); err != nil {
						return "", err
					}
					return laps(ctx, n)
				})
				h := r.handOver(t)
				began := time.Now()
				r.hand(h)
				<-time.After(lasts + tt.waits)
				synctest.Wait()
				if len(r.results) != 1 || r.results[0].Next != nil || r.results[0].Failure != nil {
					t.Errorf("%s later the reports are %+v", time.Since(began), r.results)
				}
				if tt.waits > 0 {
					r.p.Complete("1", "passed")
					r.p.next()
					if len(r.w.steps) != 1 || len(r.w.cache.out) != 0 {
						t.Errorf("%d steps are under way, and %d runs are out", len(r.w.steps), len(r.w.cache.out))
					}
					close(gate)
					synctest.Wait()
				}
				r.idle(t)
				if code.ended.Load() != 1 || r.w.cache.order.Len() != 0 {
					t.Errorf("the run's code was unwound %d times, and %d runs are in the cache", code.ended.Load(), r.w.cache.order.Len())
				}
			})
		})
	}
}

// Code that hangs in a step that nobody has asked for does not keep its worker from ending.
func TestDrainLeavesForeseenCodeThatHangs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		r := begins(t, 2, func(ctx workflow.Context, _ int) (string, error) {
			_, err := local.Do(ctx, "go "+workflow.Now(ctx).Format(time.TimeOnly))
			<-gate
			return "", err
		}, Grace(time.Minute))
		_ = r.reports(t, r.handOver(t))
		began := time.Now()
		r.stop()
		if err := <-r.ended; err != nil || time.Since(began) > 0 {
			t.Errorf("the worker ended with %v after %s", err, time.Since(began))
		}
		close(gate)
	})
}

// A result that fits into a message is not lost to a step that does not.
func TestForeseenStepThatIsTooLarge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := begins(t, 2, laps)
		tries := 0
		r.fail("PublishResult", func() error {
			if tries++; tries == 1 {
				return protocol.Errorf(protocol.CodeTooLarge, "a megabyte")
			}
			return nil
		})
		result := r.reports(t, r.handOver(t))
		if tries != 2 || result.Next != nil || !strings.Contains(result.Result.String(), "passed") {
			t.Errorf("after %d tries: %+v", tries, result)
		}
	})
}
