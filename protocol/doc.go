// Package protocol is the vocabulary of Millrace: what is written on subjects, in streams and in buckets, and nothing else.
//
// Every value that crosses a process boundary is defined here as a plain struct with a readable JSON form, so that the
// stock nats CLI shows it and a worker in another language can be written from PROTOCOL.md alone:
//
//   - [Event] and [Record]: what happened to a run, and the one message that commits a step of it
//   - [Command]: what workflow code asks for; one command becomes exactly one event
//   - [Input]: what the world tells a workflow (start, signal, cancel, an activity's result ...)
//   - [WorkflowTask], [ActivityTask] and their answers: what workers do
//   - [Payload] and [Failure]: user data and errors on the wire
//   - [Namespace]: every subject, stream and bucket name in one place
//   - [Error]: a code, a sentence and a hint, the same in Go, on the wire and in the CLI
//
// The package imports the standard library only. It does no I/O, starts no goroutine and reads no clock.
// All types are plain values: safe to copy, and safe for concurrent use as long as nobody writes to them.
package protocol
