package access

import (
	"github.com/millrace-dev/millrace/protocol"
)

// Role is what a program does in a namespace.
type Role string

// Roles.
const (
	Client       Role = "client"       // starts workflows, tells them things and asks for their results
	Worker       Role = "worker"       // runs the workflows and activities of one queue
	Orchestrator Role = "orchestrator" // a node
	Observer     Role = "observer"     // looks, and changes nothing
	Keeper       Role = "keeper"       // takes backups
)

// Roles are all of them.
var Roles = []Role{Client, Worker, Orchestrator, Observer, Keeper}

// User is somebody who plays a role.
type User struct {
	Role      Role
	Namespace protocol.Namespace
	// Name tells users of one role apart: replies to one are not for another. Defaults to the role, and the queue of a worker.
	Name string
	// Shards is the number of shards of the namespace, since a shard's streams are named one by one. Defaults to 8.
	Shards int
	// Queue is the queue of a worker.
	Queue string
	// Versions are the versions of its code that a worker may be, and IDs the identities that it may have. A worker without a version needs
	// none, nor does one that takes no sessions need an identity.
	Versions, IDs []string
	// Completes lets a client end activities whose result comes from elsewhere. It can then end any activity of the namespace.
	Completes bool
}

// Rule allows some subjects, for a reason.
type Rule struct {
	Subjects []string `json:"subjects"`
	Why      string   `json:"why"`
}

// Permissions are what a user may do. What is not in them is refused.
type Permissions struct {
	User string `json:"user"`
	// Inbox is the prefix of the subjects on which the user gets replies. Its connections must be made with it.
	Inbox     string `json:"inbox_prefix"`
	Publish   []Rule `json:"publish"`
	Subscribe []Rule `json:"subscribe"`
	// Responds says that the user may also answer what it is asked, on whatever subject the question names.
	Responds bool `json:"allow_responses"`
}

// Of are the permissions of a user.
func Of(u User) (Permissions, error) {
	if u.Namespace == "" {
		u.Namespace = protocol.DefaultNamespace
	}
	if u.Shards == 0 {
		u.Shards = 8
	}
	if err := u.validate(); err != nil {
		return Permissions{}, err
	}
	if u.Name == "" {
		u.Name = string(u.Role)
		if u.Role == Worker {
			u.Name += "-" + protocol.Token(u.Queue)
		}
	}
	g := &grants{User: u, ns: u.Namespace}
	g.Permissions.User, g.Inbox = u.Name, "_INBOX_mr."+string(g.ns)+"."+protocol.Token(u.Name)
	g.listen("replies, which no other role can read", g.Inbox+".>")
	g.send("the number of shards, and which version of a queue's code is current", read(kv(g.ns, "config")))
	switch u.Role {
	case Client:
		g.client()
	case Worker:
		g.worker()
	case Orchestrator:
		g.orchestrator()
	case Observer:
		g.observer()
	case Keeper:
		g.keeper()
	}
	return g.Permissions, nil
}

func (u User) validate() error {
	if err := u.Namespace.Validate(); err != nil {
		return err
	}
	if u.Shards < 1 || u.Shards > 1024 {
		return protocol.Errorf(protocol.CodeBadRequest, "%d shards are not possible", u.Shards).WithHint("1 to 1,024 are")
	}
	switch u.Role {
	case Worker:
		return protocol.ValidateQueue(u.Queue)
	case Client, Orchestrator, Observer, Keeper:
		return nil
	}
	return protocol.Errorf(protocol.CodeBadRequest, "%q is no role", string(u.Role)).
		WithHint("client, worker, orchestrator, observer and keeper are")
}

// grants collect the permissions of a user.
type grants struct {
	Permissions
	User

	ns protocol.Namespace
}

func (g *grants) send(why string, subjects ...string) {
	g.Publish = append(g.Publish, Rule{subjects, why})
}

func (g *grants) listen(why string, subjects ...string) {
	g.Subscribe = append(g.Subscribe, Rule{subjects, why})
}

// shards makes subjects for each shard.
func (g *grants) shards(subjects ...func(shard int) string) (all []string) {
	for i := range g.Shards {
		for _, f := range subjects {
			all = append(all, f(i))
		}
	}
	return all
}

// told are the subjects on which a workflow is told something, by both ways.
func (g *grants) told(kinds ...protocol.InputKind) (all []string) {
	for _, way := range []string{"in", "direct"} {
		for _, k := range kinds {
			all = append(all, g.ns.Pattern(way, "*", string(k), "*"))
		}
	}
	return all
}

// endpoints are subjects of the control API.
func (g *grants) endpoints(names ...string) (all []string) {
	for _, n := range names {
		all = append(all, g.ns.API(n))
	}
	return all
}
