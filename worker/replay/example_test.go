package replay_test

import (
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
)

// A run turns events into commands, one step at a time.
func ExampleRun_Step() {
	run := replay.New(func(env *replay.Env, input protocol.Payload) (protocol.Payload, error) {
		var fired bool
		var list replay.Waitlist
		env.StartTimer(time.Hour, func(error) {
			fired = true
			list.WakeAll()
		})
		env.Await(func() bool { return fired }, &list)
		return input, nil
	})
	defer run.Close()

	first := run.Step([]protocol.Event{
		{ID: 1, Attributes: protocol.WorkflowExecutionStarted{Input: protocol.Payload{Data: []byte(`"Ada"`)}}},
		{ID: 2, Attributes: protocol.WorkflowTaskScheduled{}},
		{ID: 3, Attributes: protocol.WorkflowTaskStarted{ScheduledID: 2}},
	})
	fmt.Println(first.Commands[0].Type(), run.Closed())

	second := run.Step([]protocol.Event{
		{ID: 4, Attributes: protocol.WorkflowTaskCompleted{ScheduledID: 2, StartedID: 3}},
		{ID: 5, Attributes: protocol.TimerStarted{TimerID: "1", StartToFire: protocol.Duration(time.Hour)}},
		{ID: 6, Attributes: protocol.TimerFired{TimerID: "1", StartedID: 5}},
		{ID: 7, Attributes: protocol.WorkflowTaskScheduled{}},
		{ID: 8, Attributes: protocol.WorkflowTaskStarted{ScheduledID: 7}},
	})
	fmt.Println(second.Commands[0].Type(), run.Closed())
	// Output:
	// StartTimer false
	// CompleteWorkflowExecution true
}
