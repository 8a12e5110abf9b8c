// Package bench measures the engine against the floor of the broker that it stands on, in one run on one machine, so that the
// ratio means something wherever it is measured.
//
// The floor of a workload is the sum of the bare NATS messages that it cannot do without. A hello workflow (one activity)
// is held to three durable hops (start, task, result), two compare-and-set publishes (its two records) and two core requests
// (its two workflow tasks), although the engine does with less: a request that goes to a shard's owner directly is stored once.
//
//	run.go         one run: set up, measure, report
//	layout.go      where the server, the node, the workers and the client live: in one process or in four
//	cluster.go     three servers instead of one
//	role.go        the other three processes
//	floor.go       the broker's own messages, and far.go the other end of them
//	workload.go    what is measured, and against which floor
//	workflows.go   the workflows that are run
//	crowd.go       many at once
//	throughput.go  how they are counted
//	cold.go        a worker that catches up with a run
//	limit.go       figures that are held to a limit of their own
//	report.go      tables, sheet.go their form, spread.go histograms
//	grow.go        what a hello costs with more of everything
//	baseline.go    is it worse than it was?
package bench
