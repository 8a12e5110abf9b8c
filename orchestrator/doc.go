// Package orchestrator is a node: it owns shards, takes the steps of their workflows and tells the world about them.
//
// Most programs need one call. It starts NATS and a node in this process, and everything survives in Dir:
//
//	srv, err := orchestrator.Start(ctx, orchestrator.Options{Dir: "data"})
//	defer srv.Stop(context.Background())
//	w := worker.New(srv.Conn(), "greetings", worker.Workflow(Greet), worker.Activity(Hello))
//	run, err := client.Start(ctx, srv.Client(), Greet, "Ada", client.Queue("greetings"))
//
// [Attach] runs a node on a NATS that is there already. Any number of nodes may attach to one namespace: they share its
// shards, and when one dies the others take over.
//
// Inside, from the outside in:
//
//	start.go    wiring: the only file that knows NATS
//	node.go     which shards are mine: leases, other nodes, hand-over
//	shard.go    one shard: reads its inbox and its fired timers, and hands each message to the workflow's actor
//	direct.go   what comes past the inbox
//	actor.go    one workflow: a queue of inputs and the loop that takes them
//	step.go     the one step: draft, ask a worker, commit, perform
//	effects.go  what follows a commit
//	ledger.go   which records have had their effects, and who looks after the others
//	release.go  which inbox messages may be removed
//	wakeup.go   when a workflow is woken: armed in the timers stream, fired a moment too early, and held until it is due
//	clock.go    near deadlines, in memory
//	idle.go     which workflows are kept in memory while nothing happens to them
//	rows.go     what list shows, written in batches
//	api.go      the control API
//
// The rules of one workflow are not here but in the package machine, which does no I/O; the interfaces in store.go are what
// a node needs of the outside.
package orchestrator
