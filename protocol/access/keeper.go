package access

// keeper is what a backup takes. Who restores one makes streams of any content, and may as well be allowed everything.
func (g *grants) keeper() {
	ns := g.ns
	streams := []string{kv(ns, "config"), kv(ns, "heartbeats"), ns.TasksStream(), ns.DeadStream(), "OBJ_" + ns.BlobStore()}
	for i := range g.Shards {
		streams = append(streams, ns.TimersStream(i), ns.InboxStream(i), ns.HistoryStream(i))
	}
	for _, s := range streams {
		g.send("the stream "+s, info(s), api("STREAM.SNAPSHOT", s), "$JS.SNAPSHOT.ACK."+s+".>")
	}
	objects := "OBJ_" + ns.BlobStore()
	g.send("how far the owners of shards have come", read(kv(ns, "leases")))
	g.send("descriptions of objects that are written meanwhile",
		read(objects), api("CONSUMER.CREATE", objects, ">"), api("CONSUMER.DELETE", objects, "*"), api("CONSUMER.INFO", objects, "*"),
		api("CONSUMER.MSG.NEXT", objects, "*"))
}
