package access

import "github.com/millrace-dev/millrace/protocol"

// looks are the endpoints that change nothing.
var looks = []string{
	protocol.EndpointDescribe, protocol.EndpointResult, protocol.EndpointQuery, protocol.EndpointHistory, protocol.EndpointList,
	protocol.EndpointWorkers, protocol.EndpointUpdateResult, protocol.EndpointLoad,
}

// changes are those that change something. That of versions asks as well.
var changes = []string{
	protocol.EndpointStart, protocol.EndpointSignal, protocol.EndpointUpdate, protocol.EndpointCancel, protocol.EndpointTerminate,
	protocol.EndpointPause, protocol.EndpointReset, protocol.EndpointActivity, protocol.EndpointVersions,
}

// asked are the kinds of inputs that clients send.
var asked = []protocol.InputKind{
	protocol.KindStart, protocol.KindSignal, protocol.KindUpdate, protocol.KindCancel, protocol.KindTerminate, protocol.KindPause,
	protocol.KindReset, protocol.KindActivity, protocol.KindDelete,
}

func (g *grants) client() {
	g.send("what clients tell workflows; results are for workers, and what workflows tell each other is for orchestrators",
		g.told(asked...)...)
	g.send("how much waits in the inboxes, before a start is stored in one", g.shards(
		func(shard int) string { return info(g.ns.InboxStream(shard)) })...)
	g.send("the control API", append(g.endpoints(changes...), g.endpoints(looks...)...)...)
	g.look()
	g.blobs()
	if g.Completes {
		g.send("results of activities from elsewhere, and their heartbeats",
			append(g.told(protocol.KindResult), key(g.ns, "heartbeats", ">"))...)
	}
}

func (g *grants) observer() {
	g.send("the endpoints of the control API that change nothing; to ask for versions is to be able to set them", g.endpoints(looks...)...)
	g.look()
	g.readBlobs()
}

// look is what waiting for a result and asking the code of a workflow take.
func (g *grants) look() {
	g.send("the last record of a workflow, which confirms the answer to a query", g.shards(
		func(shard int) string { return read(g.ns.HistoryStream(shard)) },
		func(shard int) string { return readSubject(g.ns.HistoryStream(shard), g.ns.Histories(shard)) },
		func(shard int) string { return info(g.ns.HistoryStream(shard)) })...)
	g.send("queries, to the worker that has the run in its cache", g.ns.Pattern("query", "*", "*"))
	g.listen("how runs end, and how far updates have come", g.ns.Pattern("closed", "*", "*"), g.ns.Pattern("updated", "*", "*"))
}
