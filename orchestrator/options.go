package orchestrator

import (
	"log/slog"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Options configure a node. The zero value of every field is a sensible default, except Dir for [Start].
type Options struct {
	// Dir is where the embedded NATS keeps its files. Required by [Start]; ignored by [Attach].
	// One process may use a directory at a time.
	Dir string
	// Listen is the address on which the embedded NATS accepts connections, such as "127.0.0.1:4222"; port 0 picks a free
	// one. Empty means that only this process can connect, through [Server.Conn].
	Listen string
	// Sync says when the embedded NATS flushes to disk: "always", before every acknowledgement, so that nothing that was
	// acknowledged is lost even if the power fails; or a duration such as "100ms", which bounds what a power cut can
	// take and costs no throughput. Whatever it is, the death of the process loses nothing. Defaults to "always".
	Sync string
	// Namespace separates sets of workflows on one NATS. Defaults to "default".
	Namespace protocol.Namespace
	// Shards is how many shards a new namespace gets; an existing one keeps its number. Defaults to 8.
	Shards int
	// Replicas is how many copies NATS keeps of a new namespace's streams: 1, or 3 on a cluster. Defaults to 1.
	Replicas int
	// Retention is how long runs are kept after they have ended, an hour at least. It is a setting of the namespace, for all nodes: zero
	// leaves what is set, and a negative one keeps runs for ever, as a new namespace does.
	Retention time.Duration
	// MaxStore is the most bytes that the streams may take: new runs are refused, with an error of code busy, when nine tenths of them are
	// taken. With [Start], NATS itself keeps to it as well, and zero means three quarters of what is free on the disk. With [Attach], zero
	// means the limit of the account, if it has one.
	MaxStore int64
	// MaxBacklog is how many tasks may wait for workers, and messages in the inboxes for nodes, before new runs are refused, with an error
	// of code busy. One of more than 4 KiB counts as several. It is a setting of the namespace, for all nodes: zero leaves what is set.
	// That of a new namespace is a million.
	MaxBacklog int
	// Node names this node; no two that run at once may share a name. Defaults to host, process and a random part, and
	// with an embedded NATS to "embedded".
	Node string
	// Logger receives what an operator should know. Defaults to [slog.Default].
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Namespace == "" {
		o.Namespace = protocol.DefaultNamespace
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}
