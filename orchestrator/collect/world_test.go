package collect_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/orchestrator/collect"
	"github.com/millrace-dev/millrace/protocol"
)

const (
	contents  = 2 // different blobs
	workflows = 2
	shards    = 2
)

func nameOf(content int) string {
	sum := sha256.Sum256([]byte{byte(content)})
	return protocol.BlobName(sum[:])
}

// world is a model of everything that the collector and its surroundings do: blobs, messages that refer to them, those who hold references
// in memory, and what is half done.
type world struct {
	t     *rapid.T
	now   time.Time
	rev   uint64
	seq   uint64
	blobs map[string]protocol.BlobInfo

	places map[protocol.Place][]message
	hist   [shards][]message // records, by shard
	held   []hold
	undone []undone
	passes []*pass
}

// message is something that was stored and refers to blobs. A record has a workflow and a run.
type message struct {
	seq           uint64
	workflow, run int
	names         []string
}

// hold is a reference in somebody's memory, good until a moment.
type hold struct {
	name  string
	until time.Time
}

// undone is the second half of something. It happens later or, after a crash, never; what refers to names must not lose them meanwhile.
type undone struct {
	names []string
	by    time.Time // it must happen before, or never; zero: whenever
	do    func()
}

func newWorld(t *rapid.T) *world {
	return &world{
		t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
		blobs: map[string]protocol.BlobInfo{}, places: map[protocol.Place][]message{},
	}
}

func (w *world) pick(n int, what string) int { return rapid.IntRange(0, n-1).Draw(w.t, what) }
func (w *world) flip(what string) bool       { return rapid.Bool().Draw(w.t, what) }

func (w *world) describe(name string) {
	w.rev++
	w.blobs[name] = protocol.BlobInfo{Name: name, Revision: w.rev, Stored: w.now, Size: 1}
}

// keep is what a node does before it stores a reference.
func (w *world) keep(names []string, age time.Duration) {
	for _, name := range names {
		if b, ok := w.blobs[name]; ok && w.now.Sub(b.Stored) >= age {
			w.describe(name)
		}
	}
}

func (w *world) hold(name string) { w.held = append(w.held, hold{name, w.now.Add(collect.Grace)}) }

func (w *world) store(place protocol.Place, names []string) {
	w.seq++
	w.places[place] = append(w.places[place], message{seq: w.seq, names: names})
}

func (w *world) remove(place protocol.Place, seq uint64) {
	w.places[place] = slices.DeleteFunc(w.places[place], func(m message) bool { return m.seq == seq })
}

func (w *world) records() (all []message) {
	for _, h := range w.hist {
		all = append(all, h...)
	}
	return all
}

// record writes a record after it kept what that refers to; a crash may come in between.
func (w *world) record(workflow, run int, names []string, then func()) {
	w.keep(names, collect.KeepAfter)
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, there := w.blobs[name]
		return !there // somebody had it for too long, which is nobody's promise
	})
	w.halfway(names, func() {
		w.seq++
		shard := workflow % shards
		w.hist[shard] = append(w.hist[shard], message{w.seq, workflow, run, names})
		if then != nil {
			w.anytime(then)
		}
	})
}

// halfway is where something may stop for a while, or for ever. What refers to names must not lose them meanwhile.
func (w *world) halfway(names []string, do func()) {
	w.half(undone{names, w.now.Add(collect.KeepAfter), do})
}

// anytime is halfway in what may stop for as long as it likes.
func (w *world) anytime(do func()) { w.half(undone{do: do}) }

func (w *world) half(u undone) {
	if rapid.IntRange(0, 3).Draw(w.t, "stops halfway") > 0 {
		u.do()
		return
	}
	w.undone = append(w.undone, u)
}

// latest is the last run of a workflow of which there is a record.
func (w *world) latest(workflow int) (run int) {
	for _, m := range w.records() {
		if m.workflow == workflow {
			run = max(run, m.run)
		}
	}
	return run
}

// needed says why a blob is needed, if it is.
func (w *world) needed(name string) string {
	has := func(names []string) bool { return slices.Contains(names, name) }
	for _, m := range w.records() {
		if has(m.names) {
			return fmt.Sprintf("run %d of workflow %d, record %d", m.run, m.workflow, m.seq)
		}
	}
	for place, all := range w.places {
		for _, m := range all {
			if has(m.names) {
				return fmt.Sprintf("message %d of %s", m.seq, place)
			}
		}
	}
	for _, h := range w.held {
		if h.name == name && w.now.Before(h.until) {
			return fmt.Sprintf("somebody who may use it until %s", h.until)
		}
	}
	for _, u := range w.undone {
		if has(u.names) {
			return "a message that is just being stored"
		}
	}
	return ""
}

// pass drives a real pass through the world, a step at a time.
type pass struct {
	*collect.Pass

	cursor uint64
	next   func() (protocol.Place, bool)
	stop   func()
	unread []message // of the place that is read, when its reading began
	place  protocol.Place
	shard  int
	doomed []protocol.BlobInfo
	phase  int
}

func (w *world) begin() *pass {
	return &pass{Pass: collect.Begin(w.now, collect.Grace, 0)}
}

// step takes the pass's next step, and reports whether there is one more.
func (w *world) step(p *pass) bool {
	switch p.phase {
	case 0:
		w.list(p)
	case 1:
		w.read(p)
	default:
		return w.delete(p)
	}
	return true
}

// list lists the next blob: what is touched meanwhile moves to the end of the list.
func (w *world) list(p *pass) {
	var found *protocol.BlobInfo
	for _, b := range w.blobs {
		if b.Revision > p.cursor && (found == nil || b.Revision < found.Revision) {
			found = &b
		}
	}
	if found == nil || !p.List(*found) {
		p.phase = 1
		p.next, p.stop = pull(p.Places())
		return
	}
	p.cursor = found.Revision
}

// read reads the next message of the places: one that was there when the reading of its stream began, and is there still.
func (w *world) read(p *pass) {
	for len(p.unread) > 0 {
		m := p.unread[0]
		p.unread = p.unread[1:]
		now := w.places[p.place]
		if p.place == protocol.PlaceHistory {
			now = w.records()
		}
		if slices.ContainsFunc(now, func(o message) bool { return o.seq == m.seq }) {
			for _, name := range m.names {
				p.Mark(name)
			}
			return
		}
	}
	if p.place == protocol.PlaceHistory && p.shard < shards {
		p.unread = slices.Clone(w.hist[p.shard])
		p.shard++
		return
	}
	place, more := p.next()
	if !more {
		p.phase, p.doomed = 2, p.Doomed()
		return
	}
	p.place, p.unread = place, slices.Clone(w.places[place])
}

// delete deletes the next doomed blob, by compare-and-set, and reports whether there may be another.
func (w *world) delete(p *pass) bool {
	if len(p.doomed) == 0 {
		return false
	}
	b := p.doomed[0]
	p.doomed = p.doomed[1:]
	if now, there := w.blobs[b.Name]; !there || now.Revision != b.Revision {
		return true
	}
	if why := w.needed(b.Name); why != "" {
		w.t.Fatalf("a blob is deleted that is needed by %s", why)
	}
	delete(w.blobs, b.Name)
	return true
}
