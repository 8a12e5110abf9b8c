// Package worker runs workflows and activities. A worker serves one task queue; a process may run several.
//
//	w := worker.New(nc, "greetings", worker.Workflow(Greet), worker.Activity(Hello))
//	err := w.Run(ctx) // until ctx ends; then it drains
//
// Workers keep nothing that matters. A worker may be killed at any moment: the broker notices that its activities are no
// longer acknowledged and gives them to another one within seconds, and a workflow continues on any worker from its
// history.
//
// Inside:
//
//	worker.go         what runs, from the first subscription to the drain
//	workflow_task.go  one step of a workflow: from the cache or from history, through code, to commands
//	cache.go          the runs that are kept in memory between their steps
//	calls.go          workflow tasks that waited in the task stream because no worker was there
//	activity_task.go  one attempt of an activity: from the task stream, through code, to a result in the inbox
//	execution.go      the attempt's deadlines
//	payloads.go       large payloads go to the object store and come back from it
//	connect.go        wiring: the only file that knows NATS
package worker
