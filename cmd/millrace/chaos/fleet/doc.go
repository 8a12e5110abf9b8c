// Package fleet runs Millrace as a set of processes on loopback: three NATS servers that keep copies of each other's streams, three nodes,
// and workers. Each of them can be killed, frozen, stopped and started again, and between any two of them lies a [Link] that can fall
// silent, refuse, or be slow.
//
// fleet.go puts the parts together, process.go is one of them seen from here and role.go from within, network.go has the links and link.go
// is one of them, look.go asks NATS who leads and who owns what.
package fleet
