package main

import (
	"fmt"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/access"
)

// authCmd is what has to do with permissions.
type authCmd struct {
	Template authTemplateCmd `cmd:"" help:"Print the least that a role needs, for the configuration of nats-server or for nsc."`
}

// authTemplateCmd prints the permissions of a role.
type authTemplateCmd struct {
	Role     string   `arg:"" help:"client, worker, orchestrator, observer or keeper." enum:"client,worker,orchestrator,observer,keeper"`
	Queue    string   `help:"Queue of the worker." short:"q"`
	Name     string   `help:"Name of the user; the role, and a worker's queue, unless said." placeholder:"USER"`
	Shards   int      `help:"Shards of the namespace." default:"8"`
	Build    []string `help:"A version of the worker's code, as in worker.Version; may be repeated." placeholder:"VERSION"`
	Worker   []string `help:"An identity of a worker that takes sessions; may be repeated." placeholder:"ID"`
	Complete bool     `help:"The client also ends activities whose result comes from elsewhere."`
	Format   string   `help:"conf, json or nsc." default:"conf" enum:"conf,json,nsc"`
}

// Run prints them. It connects to nothing.
func (c *authTemplateCmd) Run(a *app) error {
	p, err := access.Of(access.User{
		Role: access.Role(c.Role), Namespace: protocol.Namespace(a.Namespace), Name: c.Name, Shards: c.Shards,
		Queue: c.Queue, Versions: c.Build, IDs: c.Worker, Completes: c.Complete,
	})
	if err != nil {
		return err
	}
	switch {
	case a.JSON || c.Format == "json":
		return printJSON(a.out, p)
	case c.Format == "nsc":
		_, err = fmt.Fprint(a.out, p.NSC())
	default:
		_, err = fmt.Fprint(a.out, p.Conf())
	}
	return err
}
