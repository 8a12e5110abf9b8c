package worker

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// wants are commands for activities of a type, with the given IDs.
func wants(typ, queue string, ids ...string) []protocol.Command {
	var all []protocol.Command
	for _, id := range ids {
		all = append(all, protocol.Command{Attributes: protocol.ScheduleActivityTask{ActivityID: id, ActivityType: typ, Queue: queue}})
	}
	return all
}

// asideOf is how many slots are set aside and free.
func asideOf(s *site) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.aside
}

// A worker takes what it can run itself, a few activities of a step at most, and never more than it has slots for.
func TestWorkerTakesActivitiesOfItsOwnSteps(t *testing.T) {
	none := []string(nil)
	tests := map[string]struct {
		slots    int
		commands []protocol.Command
		want     []string
	}{
		"a slot for each":       {20, wants(testActivity, "", "1", "2"), []string{"1", "2"}},
		"a few of many":         {20, wants(testActivity, testQueue, "1", "2", "3", "4", "5", "6"), []string{"1", "2", "3", "4"}},
		"half of the slots":     {4, wants(testActivity, "", "1", "2", "3"), []string{"1", "2"}},
		"one slot is the queue": {1, wants(testActivity, "", "1"), none},
		"another queue":         {20, wants(testActivity, "elsewhere", "1"), none},
		"another type":          {20, wants("shop.Unknown", "", "1"), none},
		"nothing to do":         {20, []protocol.Command{{Attributes: protocol.CompleteWorkflowExecution{}}}, none},
		"a time to begin": {20, []protocol.Command{{Attributes: protocol.ScheduleActivityTask{
			ActivityID: "1", ActivityType: testActivity, ScheduleToStart: protocol.Duration(time.Minute),
		}}}, none},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := work(t, Workflow(open), act(asleep), Slots(tt.slots))
				if got := s.w.promise(testRun, tt.commands); !slices.Equal(got, tt.want) {
					t.Errorf("the worker takes %q, want %q", got, tt.want)
				}
				if got := tt.slots/2 - len(tt.want); asideOf(s) != got {
					t.Errorf("%d slots are left, want %d", asideOf(s), got)
				}
				<-time.After(2 * promiseFor)
				synctest.Wait()
				if asideOf(s) != tt.slots/2 {
					t.Errorf("%d slots are left when nothing came, want %d", asideOf(s), tt.slots/2)
				}
			})
		})
	}
}

// A step that is taken again is promised the same slots.
func TestPromiseIsKeptOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, Workflow(open), act(asleep), Slots(4))
		for range 3 {
			if got := s.w.promise(testRun, wants(testActivity, "", "1")); len(got) != 1 {
				t.Errorf("the worker takes %q", got)
			}
		}
		if asideOf(s) != 1 {
			t.Errorf("%d slots are left", asideOf(s))
		}
	})
}

// held is what the worker says when it is asked for the tests' attempt.
func (s *site) holds(number int) bool {
	held := s.w.stillHas(testRun, []protocol.ActivityAttempt{{ScheduledID: 5, Number: number}})
	return len(held) == 1
}

func TestHandedActivity(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		s := work(t, Workflow(open), act(func(context.Context, string) (string, error) { <-gate; return "done", nil }), Slots(4))
		s.w.promise(testRun, wants(testActivity, "", "1"))
		task := attempt(t, "in")
		s.hand(protocol.HandOver{Tasks: []protocol.ActivityTask{task}})
		s.hand(protocol.HandOver{Tasks: []protocol.ActivityTask{task}}) // twice is once
		synctest.Wait()
		if !s.holds(1) || s.holds(2) {
			t.Error("the worker does not know what it has")
		}
		close(gate)
		synctest.Wait()
		if s.holds(1) {
			t.Error("the worker claims to have what it has reported")
		}
		if len(s.results) != 1 || s.results[0].Failure != nil || asideOf(s) != 2 {
			t.Errorf("results %+v, and %d slots are left", s.results, asideOf(s))
		}
	})
}

// What the worker said that it does not have it does not begin when it comes after all. Without a promise it takes what comes if it can.
func TestHandedActivityThatComesLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, Workflow(open), act(func(context.Context, string) (string, error) { return "done", nil }), Slots(2))
		if s.holds(1) {
			t.Error("the worker claims to have what never came")
		}
		s.hand(protocol.HandOver{Tasks: []protocol.ActivityTask{attempt(t, "in")}})
		synctest.Wait()
		if len(s.results) != 0 {
			t.Errorf("it began: %+v", s.results)
		}
		other := attempt(t, "in", func(a *protocol.ActivityTask) { a.ScheduledID = 6 })
		s.hand(protocol.HandOver{Tasks: []protocol.ActivityTask{other}})
		synctest.Wait()
		if len(s.results) != 1 || asideOf(s) != 1 {
			t.Errorf("results %+v, and %d slots are left", s.results, asideOf(s))
		}
	})
}
