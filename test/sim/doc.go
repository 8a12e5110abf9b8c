// Package sim plays whole worlds, NATS, orchestrators, workers and clients, under a seed: everything that can go wrong does, somewhere, and
// what was promised must hold all the same. A world takes a few milliseconds, 100,000 of them some minutes, and the same seed takes the
// same course every time.
//
// What is real: the orchestrator with all of its goroutines (actor, step, effects, ledger, release, hand-over, recall, rows, timers), above
// its own interfaces in orchestrator/store.go; orchestrator/machine and worker/replay, with workflow code in them; how a record is appended
// (jetstream.Appending). A world is a bubble of package synctest, so time is virtual, and one goroutine drives it: it waits until every
// other one waits, sorts what they ask for, and lets one thing happen, which wakes one goroutine. Then a little time passes, so that no two
// timers go off at one moment because they were set at one. So there is no choice that the seed does not make: a test turns around whatever
// comes at one moment, and has goroutines step back for each other, and the course is the same.
//
// What stands in for the rest, and for which files:
//
//   - log.go: a stream of nats-server, alone or with replicas. conformance_test.go compares it with real servers.
//   - store.go, store_tasks.go, node.go: package jetstream and the connection, one request at a time; who owns a shard, in place of
//     orchestrator/node.go: a node can be replaced at any moment, and know of it or not.
//   - worker.go: package worker around the replay (workflow_task.go, cache.go, execution.go, handover.go, foresight.go, calls.go).
//   - client.go: jetstream/ask.go and jetstream/direct.go, and what people do.
//   - author.go: workflow code. Each run plays a script that the seed has made up.
//
// fault.go lists what goes wrong. shadow.go watches over what must hold after every step, world.over over what must hold in the end.
// plant.go lists bugs that a world can be given, to show that they would be found.
//
// When a seed fails, the test leaves faults out one by one for as long as it still does, and prints the scenario that is left, with its
// trace. In a file, it can be played again:
//
//	go test ./test/sim -run Scenario -scenario file
//
// What is not played: leases (any node may own anything at any time), resets, pauses, deletions, retention, blobs, sessions, activities
// that others complete, heartbeats, versions of the code, and queries.
package sim
