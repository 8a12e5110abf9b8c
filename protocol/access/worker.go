package access

import "github.com/millrace-dev/millrace/protocol"

func (g *grants) worker() {
	steps, activities := []string{g.Queue}, []string{g.Queue}
	for _, v := range g.Versions {
		steps = append(steps, protocol.VersionQueue(g.Queue, v))
	}
	for _, id := range g.IDs {
		activities = append(activities, protocol.PrivateQueue(g.Queue, id))
	}
	if len(g.IDs) > 0 {
		activities = append(activities, protocol.SessionQueue(g.Queue))
	}
	for _, q := range steps {
		token := protocol.Token(q)
		g.listen("steps of workflows", g.ns.WorkflowTasks(q), g.ns.Pattern("wft", token, "*"))
		g.pull("calls for a worker", protocol.TaskWorkflow, q)
	}
	for _, q := range activities {
		g.listen("which activities should stop", g.ns.Cancels(q))
		g.pull("activities", protocol.TaskActivity, q)
	}
	own := protocol.Token(g.Queue)
	g.listen("activities without the queue, and queries", g.ns.Pattern("hand", own, "*"), g.ns.Pattern("query", own, "*"))
	g.send("what workers tell workflows", g.told(protocol.KindResult, protocol.KindStarted, protocol.KindReady, protocol.KindSession)...)
	g.send("the part of a history that is too large for a task", g.endpoints(protocol.HistoryOf(g.Queue))...)
	g.send("the worker's row", key(g.ns, "workers", own+".*"), readSubject(kv(g.ns, "workers"), key(g.ns, "workers", own+".*")))
	g.send("heartbeats of activities", key(g.ns, "heartbeats", "*.*"), read(kv(g.ns, "heartbeats")))
	g.send("tasks that cannot be read", g.ns.Pattern("dead", "*"))
	g.blobs()
	g.Responds = true
}

// pull is what taking tasks of one kind from a queue takes: the consumer's filter is part of the subject.
func (g *grants) pull(what string, kind protocol.TaskKind, queue string) {
	stream, consumer := g.ns.TasksStream(), g.ns.TaskConsumer(kind, queue)
	g.send(what+" of queue "+queue,
		api("CONSUMER.CREATE", stream, consumer, g.ns.QueueTasks(kind, queue)), api("CONSUMER.MSG.NEXT", stream, consumer),
		"$JS.ACK."+stream+"."+consumer+".>")
}
