// Package machine is one workflow's state machine, and the heart of an orchestrator. It is pure: no context, clock,
// randomness, goroutine, logger or NATS. Time and nonces are arguments.
//
// History is the only truth, and a [Workflow] is a fold over it:
//
//	w := machine.New("order-42")
//	for each record in the workflow's history subject { w.Apply(seq, digest, record) }
//
// A step is taken on a draft, never on the Workflow itself:
//
//	turn := w.Begin(inputs, nonce, now)      // what the inputs mean: events, verdicts, retries
//	task, _ := turn.Task(now)                // the workflow task, when a worker is wanted
//	... a worker answers ...
//	ready := turn.Decide(answer, now)        // ONE record with every event of the step
//	... append ready.Record: that is the commit ...
//	w.Apply(seq, digest, ready.Record)       // only now does the Workflow change
//	effects := w.Effects(ready.Record)       // what the world must learn, derived from the record alone
//
// Draft and fold share one function, apply, so they cannot disagree. A step that was not appended leaves no trace: the
// caller drops the turn and, after a conflict, the Workflow too.
//
// What is not in history (the attempt of a waiting retry, the attempt of a failing workflow task) is kept in fields that are
// marked volatile; losing them loses a number in a description, never a step.
//
// The package is exported for this repository's tests; it carries no compatibility promise. Nothing in it is safe for
// concurrent use.
package machine
