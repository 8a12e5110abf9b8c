package fleet

import (
	"cmp"
	"context"
	"log/slog"
	"os/exec"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
)

// Options say of what a fleet is made. Zero means the default.
type Options struct {
	// Dir is where the servers keep their files and every process its log. Required.
	Dir string
	// Command makes the process of a part: this program, in a way that makes it call [Play] with the same argument. Required.
	Command func(ctx context.Context, part string) *exec.Cmd
	// URL is a NATS of the user's. Without it the fleet has servers of its own.
	URL string
	// Servers, Nodes and Workers are how many there are of each. Default to 3, 3 and 3. Shards defaults to 8.
	Servers, Nodes, Workers, Shards int
	// Sync is when the servers flush to disk. Defaults to "100ms": what is killed here is processes, never the power.
	Sync string
	// Dials gives every process a [warp.Dial], which the program obeys that Command names if package warp has compiled it.
	Dials bool
	// Namespace is where the workflows live. Defaults to "default".
	Namespace protocol.Namespace
	// Queue is what the workers serve, and Ledger the directory that they are told of.
	Queue, Ledger string
}

func (o Options) withDefaults() Options {
	o.Servers, o.Nodes, o.Workers = cmp.Or(o.Servers, 3), cmp.Or(o.Nodes, 3), cmp.Or(o.Workers, 3)
	o.Shards, o.Sync = cmp.Or(o.Shards, 8), cmp.Or(o.Sync, "100ms")
	o.Namespace, o.Queue = cmp.Or(o.Namespace, protocol.DefaultNamespace), cmp.Or(o.Queue, "chaos")
	if o.URL != "" {
		o.Servers = 0
	}
	return o
}

// Role is what a process does.
type Role string

// Roles. The client is this process: it has links, and is no process of the fleet.
const (
	Server Role = "server"
	Node   Role = "node"
	Worker Role = "worker"
	Client Role = "client"
)

// Part is what a process is told about itself.
type Part struct {
	Role Role   `json:"role"`
	Name string `json:"name"`
	// Life tells the processes apart that had the name one after the other.
	Life int    `json:"life"`
	Dir  string `json:"dir,omitempty"`

	// Of a server: where it listens for clients, how it reaches the others (its own address first), and the rest of its configuration.
	Listen string   `json:"listen,omitempty"`
	Routes []string `json:"routes,omitempty"`
	Config string   `json:"config,omitempty"`
	Sync   string   `json:"sync,omitempty"`

	// Of a node and a worker.
	URL       string             `json:"url,omitempty"`
	Namespace protocol.Namespace `json:"namespace,omitempty"`
	Shards    int                `json:"shards,omitempty"`
	Replicas  int                `json:"replicas,omitempty"`
	Queue     string             `json:"queue,omitempty"`
	Ledger    string             `json:"ledger,omitempty"`
}

// ID names this life of the process: a node that was killed is another one when it comes back.
func (p Part) ID() string { return id(p.Name, p.Life) }

// Workers makes the worker of a part. It calls ready once the worker takes tasks, or at once if it cannot tell.
type Workers func(nc *nats.Conn, p Part, log *slog.Logger, ready func()) *worker.Worker
