package traffic

import (
	"context"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic/verdict"
	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/orchestrator/client"
)

const (
	// calm is how long a system may take to become idle when the load has ended, and look how often it is looked at: a node releases what
	// it has handled once a second.
	calm = 90 * time.Second
	look = 500 * time.Millisecond
	// thought is how long the clients' histories of one register may be looked at.
	thought = 20 * time.Second
)

// Check waits until everything that the load began has ended and nothing is left to do, as long as that may take, and returns every promise
// that was broken. What has not ended by then is one. All faults must be over, and workers there.
func Check(ctx context.Context, nc *nats.Conn, r *Report) ([]Violation, error) {
	store, err := jetstream.Open(ctx, nc, r.Namespace)
	if err != nil {
		return nil, err
	}
	g := &gatherer{store: store, report: r}
	if g.js, err = newJS(nc); err != nil {
		return nil, err
	}
	if err := g.closeRegisters(ctx, nc); err != nil {
		return nil, err
	}
	e, err := g.gather(ctx)
	if err != nil {
		return nil, err
	}
	var found []Violation
	found, r.Undecided = verdict.Judge(e)
	return found, nil
}

// closeRegisters closes the registers that a start may have opened whose client never heard of it: nobody else would.
func (g *gatherer) closeRegisters(ctx context.Context, nc *nats.Conn) error {
	c, err := client.New(nc, client.Namespace(string(g.report.Namespace)), client.DefaultQueue(g.report.Queue))
	if err != nil {
		return err
	}
	var vague []string
	for _, c := range g.report.Calls {
		if c.Op == verdict.OpStart && c.Name == verdict.RegisterType && c.Answer == verdict.Unknown && !slices.Contains(vague, c.Workflow) {
			vague = append(vague, c.Workflow)
		}
	}
	if len(vague) == 0 {
		return nil
	}
	if _, err := g.idle(ctx); err != nil { // it has been taken, if it ever will
		return err
	}
	for _, id := range vague {
		l := &load{Options: Options{Queue: g.report.Queue}, began: g.report.Began, shards: g.report.Shards, clients: []*client.Client{c}}
		update(ctx, &scene{load: l, id: id}, 0, closeUpdate, 0)
		g.report.Calls = append(g.report.Calls, l.calls...)
	}
	return nil
}
