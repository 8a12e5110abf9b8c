// Package virtual tests what takes long: server, node, workers and clients live in a bubble of virtual time, where a month passes
// in seconds and every wait is exact.
package virtual
