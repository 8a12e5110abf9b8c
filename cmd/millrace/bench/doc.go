// Package bench measures the engine against the floor of the broker that it stands on, in one run on one machine, so that the
// ratio means something wherever it is measured.
//
// The floor of a workload is the sum of the bare NATS messages that it cannot do without. A hello workflow (one activity)
// needs three durable hops (start, task, result), two compare-and-set publishes (its two records) and two core requests
// (its two workflow tasks).
package bench
