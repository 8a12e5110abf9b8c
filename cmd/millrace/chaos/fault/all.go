package fault

// All are the faults, in the order in which they are tried.
func All() []Fault {
	return []Fault{
		{Name: "kill-node", About: "SIGKILL of a node", Strike: killNode},
		{Name: "kill-worker", About: "SIGKILL of a worker", Strike: killWorker},
		{Name: "kill-follower", About: "SIGKILL of a NATS server that follows a stream", Servers: true, Strike: killFollower},
		{Name: "kill-leader", About: "SIGKILL of the NATS server that leads a stream", Servers: true, Strike: killLeader},
		{Name: "kill-all", About: "SIGKILL of every process at once", Servers: true, Strike: killAll},
		{Name: "stop-node", About: "SIGSTOP of a node until others have its shards, SIGCONT: two believe in a lease", Strike: stopNode},
		{Name: "stop-worker", About: "SIGSTOP of a worker, for longer than its tasks are left to it, and SIGCONT", Strike: stopWorker},
		{Name: "stop-server", About: "SIGSTOP of a NATS server and SIGCONT", Servers: true, Strike: stopServer},
		{Name: "lose-quorum", About: "SIGKILL or SIGSTOP of two of three NATS servers", Servers: true, Strike: loseQuorum},
		{Name: "flip-bit", About: "SIGKILL of a NATS server, and a bit of its files is another", Servers: true, Strike: damage(flipBit)},
		{Name: "cut-tail", About: "SIGKILL of a NATS server, and one of its files ends early", Servers: true, Strike: damage(cutTail)},
		{Name: "zero-tail", About: "SIGKILL of a NATS server, and one of its files ends in zeros", Servers: true, Strike: damage(zeroTail)},
		{Name: "lose-disk", About: "SIGKILL of a NATS server, and all of its files are gone", Servers: true, Strike: loseDisk},
		{
			Name: "full-disk", About: "no room on the disk of a NATS server, which is started again when there is",
			Servers: true, Prepare: warped, Strike: fullDisk,
		},
		{
			Name: "slow-disk", About: "flushes of one or all NATS servers that take up to seconds",
			Servers: true, Prepare: warped, Strike: slowDisk,
		},
		{
			Name: "set-clock", About: "the clock of a node or a worker is set by an hour, and back; or wrong from its start",
			Prepare: warped, Strike: setClock,
		},
		{Name: "partition-client", About: "no network between clients and NATS", Strike: partitionClient},
		{Name: "partition-node", About: "no network between a node and NATS", Strike: partitionNode},
		{Name: "partition-worker", About: "no network between a worker and NATS", Strike: partitionWorker},
		{Name: "partition-route", About: "no network between a NATS server and one or both others", Servers: true, Strike: partitionRoute},
		{Name: "delay", About: "a slow network, in which what takes different ways arrives in another order", Strike: delay},
		{Name: "rolling-restart", About: "every node stops in good order and comes back, one after the other", Strike: rollingRestart},
	}
}
