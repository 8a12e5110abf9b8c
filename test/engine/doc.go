// Package engine tests the whole engine: a real NATS server, a node, workers and a client, in one process.
package engine
