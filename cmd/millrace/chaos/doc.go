// Package chaos has Millrace keep its promises while everything around it fails: for each fault a fleet of processes under a load of mixed
// workflows, the fault again and again, and at the end a verdict on every history.
//
// run.go is the plan, trial.go is one fault, recovery.go measures how long shards stand still, report.go is what came of it. Package fleet
// has the processes and the network between them, package fault what can go wrong, and package traffic the load and the verdict.
package chaos
