// Package cluster holds Millrace to what it promises of three servers, three nodes and several workers, each in a process of its own: how
// fast shards are spread and taken over, and that nothing is lost meanwhile.
package cluster
