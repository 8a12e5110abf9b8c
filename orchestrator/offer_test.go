package orchestrator

import (
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

// A worker is not told what it commanded itself, if it keeps the run where that step left it.
func TestTaskIsBriefForWhoKeepsTheRun(t *testing.T) {
	t.Parallel()
	events := []protocol.Event{
		{ID: 4, Attributes: protocol.WorkflowTaskCompleted{}},
		{ID: 5, Attributes: protocol.ActivityTaskScheduled{}},
		{ID: 6, Attributes: protocol.ActivityTaskScheduled{}},
		{ID: 7, Attributes: protocol.WorkflowExecutionSignaled{}},
		{ID: 8, Attributes: protocol.WorkflowTaskScheduled{}},
		{ID: 9, Attributes: protocol.WorkflowTaskStarted{}},
	}
	for name, test := range map[string]struct {
		kept     keeping
		events   []protocol.Event
		recorded int64
	}{
		"it does":                    {keeping{"base", 2}, events, 6},
		"it commanded nothing":       {keeping{"base", 0}, events, 4},
		"it keeps nothing":           {keeping{}, events, 0},
		"it keeps an earlier step":   {keeping{"earlier", 2}, events, 0},
		"a step failed in between":   {keeping{"base", 2}, events[1:], 0},
		"nothing else has happened":  {keeping{"base", 2}, events[:3], 0},
		"there are too few of them":  {keeping{"base", 9}, events, 0},
		"it was told, and may again": {keeping{"base", 2}, events[3:], 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := taking{actor: &actor{kept: test.kept}}
			task := protocol.WorkflowTask{Base: "base", After: test.events[0].ID - 1, Events: test.events}
			got := step.brief(&task)
			if got.Recorded != test.recorded || got.After != task.After || len(task.Events) != len(test.events) {
				t.Fatalf("events %d to %d are left out, of %d", got.After+1, got.Recorded, len(task.Events))
			}
			if first := max(test.recorded, task.After) + 1; got.Events[0].ID != first {
				t.Errorf("the events begin with %d, want %d", got.Events[0].ID, first)
			}
		})
	}
}
