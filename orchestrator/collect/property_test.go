package collect_test

import (
	"flag"
	"iter"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/orchestrator/collect"
	"github.com/millrace-dev/millrace/protocol"
)

// TestMain has the property tested with more and longer stories than is usual: what can go wrong takes a dozen steps in the right order.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "5000", "rapid.steps": "100"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func pull[T any](seq iter.Seq[T]) (func() (T, bool), func()) { return iter.Pull(seq) }

// Whatever clients, workers and nodes do, however late, whoever dies when, and wherever any number of collectors are with their passes: no
// blob is deleted that a run, a message on its way or somebody's fresh memory refers to, and what is not needed goes in the end.
func TestNothingNeededIsDeleted(t *testing.T) {
	t.Parallel()
	deleted := 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		defer func() {
			for _, p := range w.passes {
				if p.stop != nil {
					p.stop()
				}
			}
		}()
		t.Repeat(map[string]func(*rapid.T){
			"upload": w.upload, "send": w.send, "take": w.take, "take directly": w.takeDirectly, "pass on": w.passOn, "read a result": w.readResult,
			"dispatch": w.dispatch, "retry": w.retry, "fire": w.fire, "report": w.report, "end an attempt": w.endAttempt,
			"bury": w.bury, "resend": w.resend, "remove": w.removeRuns,
			"go on": w.goOn, "crash": w.crash, "wait": w.wait,
			"begin a pass": w.beginPass, "abandon a pass": w.abandonPass, "list": w.passSome, "read": w.passSome, "delete": w.passSome,
			"another pass": w.passSome, "a day": w.day,
			"": func(*rapid.T) {},
		})
		before := len(w.blobs)
		w.settle()
		deleted += before - len(w.blobs)
	})
	if deleted == 0 {
		t.Error("no blob was ever deleted: the test tests nothing")
	}
}

// upload stores a content, or finds it stored; a crash before the end leaves nothing that has a name.
func (w *world) upload(*rapid.T) {
	name := nameOf(w.pick(contents, "content"))
	w.describe(name)
	w.hold(name)
}

// holdings are the references that somebody may still use.
func (w *world) holdings() (names []string) {
	for _, h := range w.held {
		if w.now.Before(h.until) {
			names = append(names, h.name)
		}
	}
	return names
}

func (w *world) one(t *rapid.T, from []string) []string {
	if len(from) == 0 {
		t.Skip("nothing to refer to")
	}
	return []string{rapid.SampledFrom(from).Draw(t, "reference")}
}

func (w *world) send(t *rapid.T) { w.store(protocol.PlaceInbox, w.one(t, w.holdings())) }

// any is a message of a place.
func (w *world) any(t *rapid.T, place protocol.Place) message {
	if len(w.places[place]) == 0 {
		t.Skip("nothing there")
	}
	return rapid.SampledFrom(w.places[place]).Draw(t, "message")
}

// take has a run, or the next one, record what lies in the inbox, which is released afterwards.
func (w *world) take(t *rapid.T) {
	m := w.any(t, protocol.PlaceInbox)
	wf := w.pick(workflows, "workflow")
	w.record(wf, max(w.latest(wf)+w.pick(2, "new run"), 1), m.names, func() { w.remove(protocol.PlaceInbox, m.seq) })
}

// takeDirectly has a run record what somebody tells it who may have had the reference for too long.
func (w *world) takeDirectly(t *rapid.T) {
	var ever []string
	for _, h := range w.held {
		ever = append(ever, h.name)
	}
	names := w.one(t, ever)
	wf := w.pick(workflows, "workflow")
	w.record(wf, max(w.latest(wf)+w.pick(2, "new run"), 1), names, nil)
}

func (w *world) anyRecord(t *rapid.T) message {
	all := w.records()
	if len(all) == 0 {
		t.Skip("no history")
	}
	return rapid.SampledFrom(all).Draw(t, "record")
}

// passOn has a run hand on what it knows: to a child or another workflow by its inbox, to the run that follows, to a copy.
func (w *world) passOn(t *rapid.T) {
	m := w.anyRecord(t)
	if w.flip("by inbox") {
		w.store(protocol.PlaceInbox, m.names)
		return
	}
	w.record(m.workflow, w.latest(m.workflow)+w.pick(2, "new run"), m.names, nil)
}

func (w *world) readResult(t *rapid.T) {
	for _, name := range w.anyRecord(t).names {
		w.hold(name)
	}
}

// dispatch makes a task of a record; retry has its attempt fail and wait, with what it refers to; fire has it tried again.
func (w *world) dispatch(t *rapid.T) { w.store(protocol.PlaceTasks, w.anyRecord(t).names) }

func (w *world) retry(t *rapid.T) {
	m := w.any(t, protocol.PlaceTasks)
	names := m.names
	if held := w.holdings(); len(held) > 0 && w.flip("with something new") {
		names = w.one(t, held)
	}
	w.keep(names, collect.KeepAfter)
	w.halfway(names, func() {
		w.store(protocol.PlaceTimers, names)
		w.anytime(func() { w.remove(protocol.PlaceTasks, m.seq) })
	})
}

func (w *world) fire(t *rapid.T) {
	m := w.any(t, protocol.PlaceTimers)
	w.store(protocol.PlaceTasks, m.names)
	w.anytime(func() { w.remove(protocol.PlaceTimers, m.seq) })
}

func (w *world) report(t *rapid.T) { w.store(protocol.PlaceHeartbeats, w.one(t, w.holdings())) }

// endAttempt has the result of an attempt recorded, with what it reported or was given, before either is removed.
func (w *world) endAttempt(t *rapid.T) {
	place := rapid.SampledFrom([]protocol.Place{protocol.PlaceHeartbeats, protocol.PlaceTasks}).Draw(t, "place")
	m := w.any(t, place)
	wf := w.pick(workflows, "workflow")
	w.record(wf, max(w.latest(wf), 1), m.names, func() { w.remove(place, m.seq) })
}

func (w *world) bury(t *rapid.T) {
	m := w.any(t, protocol.PlaceInbox)
	w.store(protocol.PlaceDead, m.names)
	w.anytime(func() { w.remove(protocol.PlaceInbox, m.seq) })
}

// resend sends a dead letter once more. It stays where it is.
func (w *world) resend(t *rapid.T) { w.store(protocol.PlaceInbox, w.any(t, protocol.PlaceDead).names) }

// removeRuns removes a workflow's runs up to one: first what they refer to is touched, then they go; a crash may come in between.
func (w *world) removeRuns(t *rapid.T) {
	last := w.anyRecord(t)
	shard := last.workflow % shards
	goes := func(m message) bool { return m.workflow == last.workflow && m.run <= last.run && m.seq <= last.seq }
	var names []string
	for _, m := range w.hist[shard] {
		if goes(m) {
			names = append(names, m.names...)
		}
	}
	w.keep(names, 0)
	w.halfway(nil, func() { w.hist[shard] = slices.DeleteFunc(w.hist[shard], goes) })
}

// goOn does what is half done, and crash has it never done.
func (w *world) goOn(t *rapid.T) { w.undoneOne(t).do() }

func (w *world) crash(t *rapid.T) { w.undoneOne(t) }

func (w *world) undoneOne(t *rapid.T) undone {
	if len(w.undone) == 0 {
		t.Skip("nothing is half done")
	}
	i := w.pick(len(w.undone), "half done")
	u := w.undone[i]
	w.undone = slices.Delete(w.undone, i, i+1)
	return u
}

// wait lets time go by. What must be done by then was done, or never will be.
func (w *world) wait(t *rapid.T) {
	w.pass(rapid.SampledFrom([]time.Duration{time.Minute, collect.KeepAfter, time.Hour, 23 * time.Hour}).Draw(t, "time"))
}

// day lets so much time go by that a pass is worth while.
func (w *world) day(t *rapid.T) {
	w.pass(collect.Grace + time.Minute)
	w.passes = append(w.passes, w.begin())
	if len(w.passes) > 3 {
		w.abandon(0)
	}
}

func (w *world) pass(d time.Duration) {
	until := w.now.Add(d)
	for i := 0; i < len(w.undone); {
		u := w.undone[i]
		if u.by.IsZero() || u.by.After(until) {
			i++
			continue
		}
		w.undone = slices.Delete(w.undone, i, i+1)
		if w.flip("in time") {
			w.now = u.by.Add(-1)
			u.do()
		}
	}
	w.now = until
}

func (w *world) beginPass(t *rapid.T) {
	if len(w.passes) == 3 {
		t.Skip("enough")
	}
	w.passes = append(w.passes, w.begin())
}

func (w *world) anyPass(t *rapid.T) int {
	if len(w.passes) == 0 {
		t.Skip("no pass")
	}
	return w.pick(len(w.passes), "pass")
}

func (w *world) passSome(t *rapid.T) {
	i := w.anyPass(t)
	for range rapid.SampledFrom([]int{1, 1, 2, 3, 5, 8}).Draw(t, "steps") {
		if !w.step(w.passes[i]) {
			w.abandon(i)
			return
		}
	}
}

func (w *world) abandonPass(t *rapid.T) { w.abandon(w.anyPass(t)) }

func (w *world) abandon(i int) {
	if stop := w.passes[i].stop; stop != nil {
		stop()
	}
	w.passes = slices.Delete(w.passes, i, i+1)
}

// settle waits until nobody's memory counts any more, and has a pass come to its end.
func (w *world) settle() {
	w.undone = nil
	w.pass(collect.Grace + time.Second)
	p := w.begin()
	for w.step(p) {
	}
	p.stop()
	for name := range w.blobs {
		if w.needed(name) == "" {
			w.t.Errorf("the blob %.15s stays although nothing needs it", name)
		}
	}
}
