// Package jetstream keeps a namespace of Millrace in NATS JetStream: the history log, the inboxes, the timers, the task
// queue, the buckets and the large payloads. It is the only package that knows how any of them is stored, and it knows
// nothing of workflows: it satisfies the interfaces that orchestrators, workers and clients declare.
//
// A [Store] is made from the connection that its user already has:
//
//	store, err := jetstream.Create(ctx, nc, "default", jetstream.Options{Shards: 8}) // an orchestrator
//	store, err := jetstream.Open(ctx, nc, "default")                                 // a client or a worker
//
// Every call has a deadline, its context's or [defaultTimeout]; errors that a person may see are *protocol.Error with a code
// and a hint. All methods are safe for concurrent use.
package jetstream
