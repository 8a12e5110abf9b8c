package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// party is whoever tells workflows something: a client or a worker. It does what jetstream/direct.go and jetstream/ask.go do.
type party struct {
	w     *world
	name  string
	dead  bool
	knows [4]uint64 // the last inbox sequence that it knows to be stored, by shard
}

// tell stores an input in an inbox, however often that must be tried.
func (p *party) tell(workflow string, body protocol.InputBody, id, reply string, done func(ack)) {
	shard, m := inputMessage(p.w.shards, workflow, body, id, reply)
	what := fmt.Sprintf("%s tells %s %s", p.name, workflow, body.InputKind())
	p.w.add(&event{what: what, lane: p.name, wire: true, do: func() {
		p.w.shadow.sent(id, true)
		p.w.put(p.w.inbox[shard], m, nil, what, func(a ack, err error) {
			switch {
			case p.dead:
			case err != nil:
				p.w.in(p.w.some(time.Second), what+" again", func() { p.tell(workflow, body, id, reply, done) })
			default:
				p.knows[shard] = max(p.knows[shard], a.seq)
				done(a)
			}
		})
	}})
}

// tellDirectly sends an input to whoever believes to own the shard. What is heard of it comes to the listener of the reply subject.
func (p *party) tellDirectly(workflow string, body protocol.InputBody, id, reply string) {
	w := p.w
	shard, m := inputMessage(w.shards, workflow, body, id, "")
	after := p.knows[shard]
	what := fmt.Sprintf("%s tells %s %s directly", p.name, workflow, body.InputKind())
	sent := false
	for _, d := range w.directs {
		if d.node.shard != shard || d.ended {
			continue
		}
		sent = true
		w.add(&event{what: what + " (" + d.node.name + ")", node: d.node, wire: true, do: func() {
			w.core(what, func() {
				if d.ended || d.node.dead {
					return
				}
				w.shadow.sent(id, false)
				taken := d.handle(protocol.Delivery{
					Time: time.Now(), Subject: ns.Direct(shard, body.InputKind(), workflow), Header: m.header, Data: m.data, Reply: reply,
				}, after)
				if !taken {
					w.hear(reply, nil)
				}
			})
		}})
	}
	if !sent {
		w.in(1, "nobody takes "+what, func() { w.hear(reply, nil) })
	}
}

// listen makes up a reply subject. The listener hears every verdict on it; nil says that an input was not taken.
func (w *world) listen(heard func(*protocol.Verdict)) (reply string) {
	w.replies++
	reply = fmt.Sprint("_r.", w.replies)
	w.listeners[reply] = heard
	return reply
}

func (w *world) hear(reply string, v *protocol.Verdict) {
	if f := w.listeners[reply]; f != nil {
		f(v)
	}
}

// patience is how long a sender waits for the owner before it tells the inbox.
const patience = 2 * time.Second

// report tells how an attempt ended; see jetstream.PublishResult and worker.report.
func (c *crew) report(workflow string, r protocol.ActivityResult, done func()) {
	id := protocol.TaskID(r.Run, r.ScheduledID, r.Number())
	over := false
	var late *event
	finish := func() {
		if !over && !c.dead {
			over = true
			done()
		}
	}
	fallback := func() {
		if !over && !c.dead {
			c.w.drop(late)
			c.tell(workflow, r, id, "", func(ack) { finish() })
		}
	}
	asked := true
	reply := c.w.listen(func(v *protocol.Verdict) {
		switch {
		case !asked || over:
		case v != nil:
			c.w.drop(late)
			finish()
		default:
			asked = false
			fallback()
		}
	})
	late = c.w.in(patience, "the patience of "+c.name+" ends", func() {
		if asked {
			asked = false
			fallback()
		}
	})
	c.tellDirectly(workflow, r, id, reply)
}

// request is what a client wants of a workflow, until it hears what became of it.
type clientRequest struct {
	p        *party
	workflow string
	body     protocol.InputBody
	id       string
	tries    int
	over     bool
	done     func(protocol.Verdict, error)
	late     *event
}

var errGone = errors.New("the client never heard")

// ask tells the workflow, and asks again with the same request ID for as long as nothing is heard.
func (r *clientRequest) ask() {
	w := r.p.w
	if r.tries++; r.tries > 1 && w.bad.strikes(clientGone, r.p.name) {
		r.finish(protocol.Verdict{}, errGone)
		return
	}
	direct := r.body.InputKind() != protocol.KindTerminate
	var reply string
	inbox := func() {
		if r.over || !direct {
			return
		}
		direct = false
		r.wait(15*time.Second, r.ask)
		r.tellInbox(r.id, reply)
	}
	reply = w.listen(func(v *protocol.Verdict) {
		switch {
		case r.over:
		case v == nil:
			inbox()
		case v.Error != nil:
			r.finish(*v, v.Error)
		default:
			r.finish(*v, nil)
		}
	})
	if !direct {
		direct = true
		inbox()
		return
	}
	r.wait(patience, inbox)
	r.p.tellDirectly(r.workflow, r.body, r.id, reply)
}

// wait has something happen if nothing is heard for a while.
func (r *clientRequest) wait(d time.Duration, then func()) {
	if r.late != nil {
		r.p.w.drop(r.late)
	}
	r.late = r.p.w.in(d, "the patience of "+r.p.name+" ends", func() {
		if !r.over {
			then()
		}
	})
}

// tellInbox stores the request. One that was stored before, perhaps with a reply subject that nobody listens to, is stored under another
// ID.
func (r *clientRequest) tellInbox(id, reply string) {
	r.p.tell(r.workflow, r.body, id, reply, func(a ack) {
		if a.duplicate && !r.over {
			r.p.w.replies++
			r.tellInbox(fmt.Sprint(r.id, ".", r.p.w.replies), reply)
		}
	})
}

func (r *clientRequest) finish(v protocol.Verdict, err error) {
	if r.over {
		return
	}
	r.over = true
	if r.late != nil {
		r.p.w.drop(r.late)
	}
	r.p.w.notef("%s heard of %s to %s: %v", r.p.name, r.id, r.workflow, err)
	r.done(v, err)
}

// client starts a workflow and then tells it this and that.
type client struct {
	party

	n        int
	busy     int // requests under way or still to come
	workflow string
	asked    int
}

func newClient(w *world, n int) *client {
	c := &client{party: party{w: w, name: fmt.Sprint("c", n)}, n: n, workflow: fmt.Sprint("w", n)}
	c.later(w.some(3*time.Second), c.start)
	if w.rng.IntN(4) == 0 { // another start of the same ID, perhaps while the first run is open
		c.later(w.some(40*time.Second), c.start)
	}
	return c
}

// later has the client do something. It is busy until then.
func (c *client) later(d time.Duration, f func()) {
	c.busy++
	c.w.in(d, c.name+" goes on", func() {
		c.busy--
		f()
	})
}

// request asks for something, and goes on with what is heard.
func (c *client) request(body func(id string) protocol.InputBody, then func(protocol.Verdict, error)) {
	c.asked++
	id := fmt.Sprintf("%s-%d", c.name, c.asked)
	c.busy++
	in := body(id)
	c.w.shadow.asked(c.workflow, id, in)
	r := &clientRequest{p: &c.party, workflow: c.workflow, body: in, id: id, done: func(v protocol.Verdict, err error) {
		c.busy--
		c.w.shadow.heard(c.workflow, id, v, err)
		if then != nil {
			then(v, err)
		}
	}}
	r.ask()
}

func (c *client) start() {
	rng := c.w.rng
	in := protocol.StartInput{Type: workflowType, ID: c.workflow, Queue: queue, Input: encode(newScript(rng, 1))}
	switch rng.IntN(8) {
	case 0:
		in.RunTimeout = protocol.Duration(time.Duration(1+rng.IntN(60)) * time.Second)
	case 1:
		in.RetryPolicy = &protocol.RetryPolicy{MaximumAttempts: 2}
	case 2:
		in.Conflict = protocol.ConflictTerminate
	case 3:
		in.Conflict = protocol.ConflictUseExisting
	case 4:
		in.Delay = protocol.Duration(c.w.some(10 * time.Second))
	}
	c.request(func(id string) protocol.InputBody {
		in.RequestID, in.Run = id, "run-"+id
		return in
	}, func(protocol.Verdict, error) {
		for range rng.IntN(3) {
			c.later(c.w.some(20*time.Second), c.meddle)
		}
		if rng.IntN(2) == 0 {
			c.later(c.w.some(5*time.Second), func() { c.signal(1 + rng.IntN(4)) })
		}
	})
}

// signal sends some signals, each when the one before it was heard of.
func (c *client) signal(n int) {
	c.request(func(id string) protocol.InputBody {
		return protocol.SignalInput{Name: news.Name(), Input: encode(c.asked), RequestID: id, Identity: c.name}
	}, func(_ protocol.Verdict, err error) {
		if err == nil && n > 1 {
			c.signal(n - 1)
		}
	})
}

// meddle tells the workflow something.
func (c *client) meddle() {
	switch c.w.rng.IntN(8) {
	case 0:
		c.request(func(id string) protocol.InputBody { return protocol.CancelInput{RequestID: id} }, nil)
	case 1:
		c.request(func(string) protocol.InputBody { return protocol.TerminateInput{Reason: "enough"} }, nil)
	case 2, 3, 4:
		c.request(func(id string) protocol.InputBody {
			return protocol.UpdateInput{UpdateCall: protocol.UpdateCall{
				UpdateID: id, RequestID: id, Name: raise.Name(), Input: encode(c.w.rng.IntN(10)),
			}}
		}, nil)
	default:
		c.signal(1)
	}
}
