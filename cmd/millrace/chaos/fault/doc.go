// Package fault has the ways in which a fleet can go wrong: one function each, and a table of all of them in all.go.
package fault
