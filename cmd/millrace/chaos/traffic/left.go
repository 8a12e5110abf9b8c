package traffic

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic/verdict"
	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// gatherer collects what is known of a load.
type gatherer struct {
	store  *jetstream.Store
	js     natsjs.JetStream
	report *Report
}

func newJS(nc *nats.Conn) (natsjs.JetStream, error) { return natsjs.New(nc) }

func (g *gatherer) ns() protocol.Namespace { return g.store.Namespace() }

// left is what lies in queues, and what has no owner.
func (g *gatherer) left(ctx context.Context) (all []verdict.Left, err error) {
	for shard := range g.report.Shards {
		inbox, timers := g.ns().InboxStream(shard), g.ns().TimersStream(shard)
		if all, err = g.lies(ctx, all, "input", inbox, g.ns().Inputs(shard), 4); err != nil {
			return nil, err
		}
		if all, err = g.lies(ctx, all, "timer", timers, g.ns().Timers(shard), 5); err != nil {
			return nil, err
		}
	}
	for _, kind := range []protocol.TaskKind{protocol.TaskActivity, protocol.TaskWorkflow} {
		if all, err = g.lies(ctx, all, "task", g.ns().TasksStream(), g.ns().QueueTasks(kind, g.report.Queue), 0); err != nil {
			return nil, err
		}
	}
	if all, err = g.dead(ctx, all); err != nil {
		return nil, err
	}
	return g.ownerless(ctx, all)
}

// lies adds what lies on the subjects of a stream. One token of them, counted from the namespace's, is the workflow; 0 if none is.
func (g *gatherer) lies(ctx context.Context, all []verdict.Left, what, stream, filter string, token int) ([]verdict.Left, error) {
	counts, err := g.subjects(ctx, stream, filter)
	if err != nil {
		return nil, err
	}
	for _, subject := range slices.Sorted(maps.Keys(counts)) {
		l := verdict.Left{
			What: what, Subject: subject, Count: counts[subject], Look: fmt.Sprintf("nats stream view %s --subject %s", stream, subject),
		}
		if tokens := strings.Split(subject, "."); token != 0 && token < len(tokens) {
			if l.Workflow, err = protocol.ParseToken(tokens[token]); err != nil || !g.ours(l.Workflow) {
				continue
			}
		}
		all = append(all, l)
	}
	return all, nil
}

// subjects are those of a stream on which something lies, and how much, as the stream's leader knows.
func (g *gatherer) subjects(ctx context.Context, stream, filter string) (map[string]uint64, error) {
	s, err := g.js.Stream(ctx, stream)
	if err != nil {
		return nil, unavailable(err)
	}
	info, err := s.Info(ctx, natsjs.WithSubjectFilter(filter))
	if err != nil {
		return nil, unavailable(err)
	}
	return info.State.Subjects, nil
}

// unavailable says of what NATS answers while faults come to their end that it can be asked again.
func unavailable(err error) error {
	return protocol.Errorf(protocol.CodeUnavailable, "NATS does not say what is in its streams: %v", err)
}

// dead adds the dead letters that were for the load.
func (g *gatherer) dead(ctx context.Context, all []verdict.Left) ([]verdict.Left, error) {
	for d, err := range g.store.DeadLetters(ctx) {
		switch {
		case err != nil:
			return nil, err
		case strings.Contains(d.Subject, g.report.Prefix):
			all = append(all, verdict.Left{
				What: "dead letter", Subject: d.Subject, Count: 1, Look: fmt.Sprintf("millrace dlq show %d", d.Seq),
			})
		}
	}
	return all, nil
}

// ownerless adds the shards that no living node has.
func (g *gatherer) ownerless(ctx context.Context, all []verdict.Left) ([]verdict.Left, error) {
	leases, err := g.store.Leases(ctx)
	if err != nil {
		return nil, err
	}
	alive := map[string]bool{}
	for shard := range g.report.Shards {
		lease, held := leases[shard]
		lives, asked := alive[lease.Node]
		if held = held && lease.Node != ""; held && !asked {
			lives = g.store.Alive(ctx, lease.Node)
			alive[lease.Node] = lives
		}
		if !lives {
			all = append(all, verdict.Left{
				What: "the lease of a node that is gone, " + lease.Node + ",", Subject: protocol.LeaseKey(shard), Count: 1,
				Look: "nats kv get " + g.ns().Bucket("leases") + " " + protocol.LeaseKey(shard),
			})
		}
	}
	return all, nil
}
