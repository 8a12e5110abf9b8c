package access

import (
	"strings"

	"github.com/millrace-dev/millrace/protocol"
)

func (g *grants) orchestrator() {
	ns := g.ns
	g.listen("the control API, as a micro service", ns.Pattern("api", ">"), "$SRV.>")
	g.listen("what comes directly, and other nodes", ns.Pattern("direct", ">"), ns.Pattern("node", "*"), ns.NodeNews())
	g.send("answers to those who ask: roles of this namespace, programs that use the ordinary prefix, and other accounts",
		"_INBOX_mr."+string(ns)+".>", "_INBOX.>", "_R_.>")
	g.send("inputs, records, timers, tasks and dead letters",
		ns.Pattern("in", "*", "*", "*"), ns.Pattern("direct", "*", "*", "*"), ns.Pattern("hist", "*", "*"), ns.Pattern("timer", ">"),
		ns.Tasks(), ns.DeadLetters())
	g.send("workers, clients and other nodes",
		ns.Pattern("wft", ">"), ns.Pattern("hand", "*", "*"), ns.Pattern("query", "*", "*"), ns.Pattern("cancel", "*"),
		ns.Pattern("closed", "*", "*"), ns.Pattern("updated", "*", "*"), ns.Pattern("node", "*"), ns.NodeNews())
	g.send("what the server can do, before streams are made", api("INFO"))
	for _, b := range []string{"runs", "leases", "nodes", "workers", "heartbeats", "config"} {
		g.send("the bucket of "+b, key(ns, b, ">"))
		g.stream(kv(ns, b), "UPDATE", "PURGE")
	}
	g.stream("OBJ_"+ns.BlobStore(), "PURGE", "LEADER.STEPDOWN")
	g.send("to keep what records refer to, and to collect what nothing refers to", "$O."+ns.BlobStore()+".M.*")
	g.stream(ns.TasksStream(), "PURGE")
	g.send("to find tasks that are done and whose removal got lost", api("CONSUMER.LIST", ns.TasksStream()))
	g.send("to have queues go on after their stream has lost its end", api("CONSUMER.RESET", ns.TasksStream(), "*"))
	g.stream(ns.DeadStream())
	for i := range g.Shards {
		g.stream(ns.InboxStream(i), "PURGE", "MSG.DELETE")
		g.stream(ns.HistoryStream(i), "PURGE", "LEADER.STEPDOWN") // runs whose retention is over; copies that have lost something
		g.stream(ns.TimersStream(i), "PURGE")
	}
}

// stream lets a node make a stream and read it. None may be deleted.
func (g *grants) stream(name string, more ...string) {
	subjects := []string{
		api("STREAM.CREATE", name), info(name), read(name), api("DIRECT.GET", name), api("DIRECT.GET", name, ">"),
		api("CONSUMER.CREATE", name, ">"), api("CONSUMER.DELETE", name, "*"), api("CONSUMER.INFO", name, "*"),
		api("CONSUMER.MSG.NEXT", name, "*"),
	}
	for _, m := range more {
		subjects = append(subjects, api("STREAM."+m, name))
	}
	g.send("the stream "+name, subjects...)
}

// blobs is what large payloads take: to store them, and to read them.
func (g *grants) blobs() {
	store := g.ns.BlobStore()
	g.readBlobs()
	g.send("large payloads, to store them; the store cannot tell whose they are", "$O."+store+".>", api("STREAM.PURGE", "OBJ_"+store))
	g.send("to read what one copy of them has lost from another", api("STREAM.LEADER.STEPDOWN", "OBJ_"+store))
}

func (g *grants) readBlobs() {
	stream := "OBJ_" + g.ns.BlobStore()
	g.send("large payloads, to read them", info(stream), read(stream), api("DIRECT.GET", stream), api("DIRECT.GET", stream, ">"),
		api("CONSUMER.CREATE", stream, ">"), api("CONSUMER.DELETE", stream, "*"), "$JS.FC."+stream+".>")
}

// Subjects of JetStream.

func kv(ns protocol.Namespace, bucket string) string { return "KV_" + ns.Bucket(bucket) }

func key(ns protocol.Namespace, bucket, key string) string {
	return "$KV." + ns.Bucket(bucket) + "." + key
}

func api(call string, tokens ...string) string {
	return "$JS.API." + strings.Join(append([]string{call}, tokens...), ".")
}

func info(stream string) string { return api("STREAM.INFO", stream) }

func read(stream string) string { return api("STREAM.MSG.GET", stream) }

func readSubject(stream, subject string) string { return api("DIRECT.GET", stream, subject) }
