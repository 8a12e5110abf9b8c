// Package replay runs workflow code against a history: events in, commands out.
//
// It is the pure core of a worker. The code of a run lives in coroutines (iter.Pull) that run one at a time, in a fixed
// order, until every one of them waits for something. What they wait for arrives as events; what they ask for leaves as
// commands. The same events always give the same commands, which is what makes a crash harmless: another worker feeds the
// recorded history to a new [Run] and stands where the first one stood.
//
//	run := replay.New(program)
//	defer run.Close()
//	answer := run.Step(history) // ends with WorkflowTaskStarted
//	send(answer.Commands)
//	answer = run.Step(newEvents) // begins with the WorkflowTaskCompleted of that step
//
// There is one way to take a step. Whether the events come all at once or one step at a time, each
// WorkflowTaskCompleted makes the run compare what the code asked for with what was recorded, and a difference ends in a
// report that shows both side by side.
//
// The package reads no clock, draws no random number, starts no goroutine and does no I/O. A Run must be used by one
// goroutine at a time. Workflow authors use package workflow; this one is exported for the worker and for this
// repository's tests, without a promise of compatibility.
package replay
