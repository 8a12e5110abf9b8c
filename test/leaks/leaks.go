// Package leaks names the goroutines that libraries leave behind, so that a test of ours fails only for one of ours.
package leaks

import "go.uber.org/goleak"

// Known are options for goleak that let through what is not ours to end.
func Known() []goleak.Option {
	return []goleak.Option{
		// nats-server: the coarse clock of the process ends some time after its last server.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"),
		// nats-server v2.15.2: a server that is shut down while its disk is full leaves the flushers of its blocks.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*msgBlock).flushLoop"),
		// nats.go v1.55.0: a put of an object that ends before this goroutine begins takes away the channel that would end it.
		goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"),
	}
}
