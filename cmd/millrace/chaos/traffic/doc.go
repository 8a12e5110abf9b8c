// Package traffic is a load of mixed workflows whose every promise can be checked afterwards.
//
// A [Worker] runs the workflows and activities of the mix; each attempt of an activity writes into a ledger what it does. [Run] is the
// clients: it starts workflows, speaks to them as many, and keeps what it asked for and heard. [Check] waits until the system is idle,
// gathers what is known, and lets package verdict judge it.
//
// workflows.go and activities.go are the mix as workers see it, script.go and its neighbours as clients do. What happens to the system
// meanwhile is the caller's: nothing here minds whether nodes, workers or servers are killed.
package traffic
