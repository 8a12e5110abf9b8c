package sim

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/protocol"
)

// store is a node's way to the world. It does what package jetstream does on a connection, in the words of that package's files; how a
// record is appended is that package's own code.
type store struct {
	orchestrator.Store // what no world needs

	node *node
}

var _ orchestrator.Store = (*store)(nil)

// publish starts a publish.
func (s *store) publish(st *stream, m message, f *fence, what string) promise[ack] {
	p := newPromise[ack](s.node)
	s.node.ask(st.name, what, func() { s.node.w.put(st, m, f, what, p.keep) })
	return p
}

// start is publish for what is acknowledged later.
func (s *store) start(st *stream, m message, what string) orchestrator.Ack {
	p := s.publish(st, m, nil, what)
	return func(ctx context.Context) error {
		a, err := p.wait(ctx)
		if err == nil && a.duplicate {
			return protocol.ErrRepeated
		}
		if s.node.w.scenario.Plant == DuplicateInFlightIsSuccess && hasCode(err, codeSameInFlight) {
			return nil
		}
		return err
	}
}

// hasCode is as in jetstream/errors.go.
func hasCode(err error, code natsjs.ErrorCode) bool {
	var api *natsjs.APIError
	return errors.As(err, &api) && api.ErrorCode == code
}

// Log; see jetstream/history.go.

// Append implements [orchestrator.Log].
func (s *store) Append(ctx context.Context, shard int, r *protocol.Record, data []byte, expect uint64) (uint64, error) {
	w := s.node.w
	st, subject := w.history[shard], ns.History(shard, r.Workflow)
	what := fmt.Sprintf("appends %s step %d after %d", r.Workflow, r.Step, expect)
	seq, err := jetstream.Appending{
		Try: func(ctx context.Context) (uint64, error) {
			f, err := s.fence(ctx, st, subject, expect)
			if err != nil {
				return 0, err
			}
			a, err := s.publish(st, message{subject: subject, data: data}, f, what).wait(ctx)
			if w.scenario.Plant == InFlightIsSuccess && hasCode(err, codeInFlight) {
				return expect + 1, nil
			}
			return a.seq, err
		},
		Last: func(ctx context.Context) (protocol.Entry, error) { return s.leaderLast(ctx, st, subject) },
	}.Append(ctx, data, expect)
	if err == nil && w.scenario.Plant == ReleaseBeforeEffects {
		for _, in := range r.Inputs {
			_ = s.Release(ctx, shard, in)
		}
	}
	return seq, err
}

// fence is the expectation of an append: the literal subject that is written.
func (s *store) fence(ctx context.Context, st *stream, subject string, expect uint64) (*fence, error) {
	switch s.node.w.scenario.Plant {
	case NoFence:
		return nil, nil
	case WildcardFence: // "nothing has happened in the shard since I looked"; nodes of the version before still use the literal one
		if len(s.node.name)%2 == 0 && s.node.name[len(s.node.name)-1]%2 == 0 {
			break
		}
		all := ns.Histories(s.node.shard)
		last, err := request(ctx, s.node, "reads the last record of all", func() (fence, error) {
			if s := st.lastOf(subject); s.seq != expect {
				return fence{}, refused(codeWrongSequence)
			}
			return fence{all, st.lastOf(all).seq}, nil
		})
		return &last, err
	default:
	}
	return &fence{subject, expect}, nil
}

func (s *store) leaderLast(ctx context.Context, st *stream, subject string) (protocol.Entry, error) {
	return request(ctx, s.node, "reads the last of "+subject, func() (protocol.Entry, error) {
		m := st.lastOf(subject)
		return protocol.Entry{Seq: m.seq, Time: m.time, Data: m.data}, nil
	})
}

// Last implements [orchestrator.Log].
func (s *store) Last(ctx context.Context, shard int, workflow string) (protocol.Entry, error) {
	w := s.node.w
	st, subject := w.history[shard], ns.History(shard, workflow)
	if w.scenario.Plant == StaleRead {
		return request(ctx, s.node, "reads the last of "+subject, func() (protocol.Entry, error) {
			m := w.follower(st).lastOf(subject)
			return protocol.Entry{Seq: m.seq, Time: m.time, Data: m.data}, nil
		})
	}
	return s.leaderLast(ctx, st, subject)
}

// follower is a replica of a stream, which may lag.
func (w *world) follower(st *stream) *stream {
	if !st.replicated || len(st.msgs) == 0 || !w.bad.strikes(stale, st.name) {
		return st
	}
	lag := min(1+w.rng.IntN(3), len(st.msgs))
	return &stream{msgs: st.msgs[:len(st.msgs)-lag]}
}

// HistoryEnd implements [orchestrator.Log].
func (s *store) HistoryEnd(ctx context.Context, shard int) (uint64, error) {
	return request(ctx, s.node, "asks for the end of the history", func() (uint64, error) { return s.node.w.history[shard].last, nil })
}

// NextRecord implements [orchestrator.Log].
func (s *store) NextRecord(ctx context.Context, shard int, from uint64) (uint64, string, error) {
	m, err := request(ctx, s.node, fmt.Sprint("looks for the record at ", from), func() (message, error) {
		m, _ := s.node.w.history[shard].next(ns.Histories(shard), from)
		return m, nil
	})
	if err != nil || m.seq == 0 {
		return 0, "", err
	}
	workflow, err := ns.ParseHistory(m.subject)
	if err != nil {
		workflow = ""
	}
	return m.seq, workflow, nil
}

// Progress implements [orchestrator.Log].
func (s *store) Progress(ctx context.Context, shard int) (protocol.Progress, error) {
	return request(ctx, s.node, "reads the progress", func() (protocol.Progress, error) { return s.node.w.progress[shard], nil })
}

// PutProgress implements [orchestrator.Log].
func (s *store) PutProgress(ctx context.Context, shard int, p protocol.Progress) error {
	_, err := request(ctx, s.node, fmt.Sprint("stores the progress ", p.Effects), func() (struct{}, error) {
		s.node.w.progress[shard] = p
		return struct{}{}, nil
	})
	return err
}

// Range implements [orchestrator.Log].
func (s *store) Range(ctx context.Context, shard int, workflow string, from, to uint64) iter.Seq2[protocol.Entry, error] {
	return s.rangeOf(ctx, s.node.w.follower, shard, workflow, from, to)
}

// LeaderRange implements [orchestrator.Log].
func (s *store) LeaderRange(ctx context.Context, shard int, workflow string, from, to uint64) iter.Seq2[protocol.Entry, error] {
	return s.rangeOf(ctx, func(leader *stream) *stream { return leader }, shard, workflow, from, to)
}

// EachCopy implements [orchestrator.Log]. Copies lag; none has lost anything.
func (s *store) EachCopy(_ context.Context, _ int, read func() (whole bool, err error)) error {
	_, err := read()
	return err
}

func (s *store) rangeOf(
	ctx context.Context, from func(*stream) *stream, shard int, workflow string, first, last uint64,
) iter.Seq2[protocol.Entry, error] {
	w := s.node.w
	does := fmt.Sprintf("reads %s from %d to %d", workflow, first, last)
	entries, err := request(ctx, s.node, does, func() (all []protocol.Entry, _ error) {
		st := from(w.history[shard])
		for m, ok := st.next(ns.History(shard, workflow), first); ok && m.seq <= last; m, ok = st.next(m.subject, m.seq+1) {
			all = append(all, protocol.Entry{Seq: m.seq, Time: m.time, Data: m.data})
		}
		return all, nil
	})
	return func(yield func(protocol.Entry, error) bool) {
		if err != nil {
			yield(protocol.Entry{}, err)
			return
		}
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Inbox and Direct; see jetstream/inbox.go and jetstream/direct.go.

func inputMessage(shards int, workflow string, body protocol.InputBody, id, reply string) (shard int, m message) {
	shard = protocol.Shard(workflow, shards)
	m = message{
		subject: ns.Input(shard, body.InputKind(), workflow), id: id, data: marshal(body), does: tellOf(id),
		header: map[string][]string{protocol.HeaderMsgID: {id}},
	}
	if reply != "" {
		m.header[protocol.HeaderReply] = []string{reply}
	}
	return shard, m
}

// Send implements [orchestrator.Inbox].
func (s *store) Send(workflow string, body protocol.InputBody, id string) orchestrator.Ack {
	shard, m := inputMessage(s.node.w.shards, workflow, body, id, "")
	return s.start(s.node.w.inbox[shard], m, fmt.Sprintf("tells %s %s %s", workflow, body.InputKind(), id))
}

// Inputs implements [orchestrator.Inbox].
func (s *store) Inputs(_ context.Context, shard int, after uint64, handle func(protocol.Delivery)) (stop func(), err error) {
	return s.read(s.node.w.inbox[shard], ns.Inputs(shard), after, handle), nil
}

// read is an ordered consumer; see jetstream/reader.go.
func (s *store) read(st *stream, filter string, after uint64, handle func(protocol.Delivery)) (stop func()) {
	sub := &subscription{node: s.node, s: st, filter: filter, next: after + 1, handle: handle}
	s.node.ask("", "begins to read "+st.name, func() { s.node.w.subs = append(s.node.w.subs, sub) })
	return func() { s.end("stops reading "+st.name, &sub.ended) }
}

// end ends a subscription, and returns once nothing more comes.
func (s *store) end(what string, ended *bool) {
	p := newPromise[struct{}](s.node)
	s.node.w.submit(&event{what: s.node.name + " " + what, node: s.node, do: func() {
		*ended = true
		p.keep(struct{}{}, nil)
	}})
	_, _ = p.wait(context.Background())
}

// InboxBounds implements [orchestrator.Inbox].
func (s *store) InboxBounds(ctx context.Context, shard int) (gone, last uint64, err error) {
	st := s.node.w.inbox[shard]
	b, err := request(ctx, s.node, "asks for the bounds of the inbox", func() ([2]uint64, error) {
		return [2]uint64{st.first() - 1, st.last}, nil
	})
	return b[0], b[1], err
}

// Release implements [orchestrator.Inbox].
func (s *store) Release(ctx context.Context, shard int, seq uint64) error {
	w := s.node.w
	_, err := request(ctx, s.node, fmt.Sprint("releases the inbox up to ", seq), func() (struct{}, error) {
		w.shadow.released(s.node, w.inbox[shard].purge("", seq+1))
		return struct{}{}, nil
	})
	return err
}

// RemoveInput implements [orchestrator.Inbox].
func (s *store) RemoveInput(ctx context.Context, shard int, seq uint64) error {
	w := s.node.w
	_, err := request(ctx, s.node, fmt.Sprint("removes the input ", seq), func() (struct{}, error) {
		w.inbox[shard].remove(seq)
		return struct{}{}, nil
	})
	return err
}

// Directs implements [orchestrator.Direct].
func (s *store) Directs(_ int, handle func(protocol.Delivery, uint64) bool) (stop func(), err error) {
	d := &directs{node: s.node, handle: handle}
	s.node.ask("", "takes what comes directly", func() { s.node.w.directs = append(s.node.w.directs, d) })
	return func() { s.end("takes nothing directly any more", &d.ended) }, nil
}

// RefuseDirect implements [orchestrator.Direct].
func (s *store) RefuseDirect(reply string) {
	s.node.ask("", "refuses "+reply, func() { s.node.w.core("a refusal", func() { s.node.w.hear(reply, nil) }) })
}

// Announcer; see jetstream/announce.go.

// Reply implements [orchestrator.Announcer].
func (s *store) Reply(subject string, v protocol.Verdict) error {
	w := s.node.w
	w.shadow.replied(subject)
	s.node.ask("", fmt.Sprintf("replies to %s %s", subject, marshal(v)), func() { w.core("a verdict", func() { w.hear(subject, &v) }) })
	return nil
}

// Closed implements [orchestrator.Announcer].
func (s *store) Closed(protocol.Outcome) error { return nil }

// Updated implements [orchestrator.Announcer].
func (s *store) Updated(protocol.Verdict) error { return nil }

// DeadLetter implements [orchestrator.Announcer].
func (s *store) DeadLetter(_ context.Context, d protocol.Delivery, reason error) error {
	s.node.ask("", "buries "+d.Subject, func() { s.node.w.failf("%s was buried: %v", d.Subject, reason) })
	return nil
}

// core is a message that nobody stores: it may be lost, or come twice.
func (w *world) core(what string, arrive func()) {
	if w.bad.strikes(lostMessage, what) {
		return
	}
	arrive()
	if w.bad.strikes(duplicate, what) {
		w.in(w.some(2*time.Second), what+" comes again", arrive)
	}
}

// Timers; see jetstream/timers.go.

// arm puts a wake-up into its place, whose way there is begun.
func (s *store) arm(
	ctx context.Context, shard int, m message, what string, known uint64, begun *promise[ack], stays func(protocol.TimerInput) bool,
) (seq uint64, _ *protocol.TimerInput, err error) {
	st := s.node.w.timers[shard]
	return jetstream.Arming{
		Try: func(ctx context.Context, expect uint64) (uint64, error) {
			p := begun
			if begun = nil; p == nil {
				next := s.publish(st, m, s.armFence(m.subject, expect), what)
				p = &next
			}
			a, err := p.wait(ctx)
			return a.seq, err
		},
		Last: func(ctx context.Context) (protocol.Entry, error) {
			return request(ctx, s.node, "reads what waits at "+m.subject, func() (protocol.Entry, error) {
				last := st.lastOf(m.subject)
				return protocol.Entry{Seq: last.seq, Time: last.at, Data: last.data}, nil
			})
		},
		Stays: stays,
	}.Arm(ctx, m.at, m.data, known)
}

// armFence is the expectation of a wake-up.
func (s *store) armFence(subject string, expect uint64) *fence {
	if s.node.w.scenario.Plant == NoArmFence {
		return nil
	}
	return &fence{subject, expect}
}

// ArmWakeup implements [orchestrator.Timers].
func (s *store) ArmWakeup(
	ctx context.Context, shard int, workflow string, at, due time.Time, known uint64,
) (seq uint64, waits time.Time, err error) {
	set, fired := ns.Wakeup(shard, workflow)
	m := message{subject: set, target: fired, at: at, data: marshal(protocol.TimerInput{Due: due})}
	what := fmt.Sprintf("arms the wake-up of %s for %s", workflow, due.Format("05.000000000"))
	seq, stays, err := s.arm(ctx, shard, m, what, known, nil, jetstream.NoLater(due))
	if stays != nil {
		due = stays.Due
	}
	return seq, due, err
}

// ArmRetry implements [orchestrator.Timers].
func (s *store) ArmRetry(shard int, task protocol.ActivityTask, at time.Time) orchestrator.Ack {
	set, fired := ns.RetryWakeup(shard, task.Workflow, task.Run, task.ScheduledID)
	m := message{
		subject: set, target: fired, at: at, data: marshal(protocol.TimerInput{Task: &task}), does: attemptOf(task.Run, task.ScheduledID),
	}
	what := fmt.Sprintf("arms a retry of %s for %s", attemptName(task), at.Format("05.000000000"))
	first := s.publish(s.node.w.timers[shard], m, s.armFence(set, 0), what)
	return func(ctx context.Context) error {
		_, stays, err := s.arm(ctx, shard, m, what, 0, &first, jetstream.LaterAttempt(task))
		if stays != nil {
			return protocol.Errorf(protocol.CodeConflict, "attempt %d of the activity waits already", stays.Task.Number())
		}
		return err
	}
}

// Wakeup implements [orchestrator.Timers].
func (s *store) Wakeup(ctx context.Context, shard int, workflow string) (uint64, error) {
	set, _ := ns.Wakeup(shard, workflow)
	last, err := s.leaderLast(ctx, s.node.w.timers[shard], set)
	return last.Seq, err
}

// DisarmWakeup implements [orchestrator.Timers].
func (s *store) DisarmWakeup(ctx context.Context, shard int, workflow string, upTo uint64) error {
	set, _ := ns.Wakeup(shard, workflow)
	if s.node.w.scenario.Plant == NoArmFence {
		upTo = math.MaxUint64 - 1
	}
	return s.purge(ctx, s.node.w.timers[shard], set, upTo+1)
}

func (s *store) purge(ctx context.Context, st *stream, subject string, below uint64) error {
	_, err := request(ctx, s.node, fmt.Sprintf("purges %s %s %d", st.name, subject, below), func() (struct{}, error) {
		st.purge(subject, below)
		return struct{}{}, nil
	})
	return err
}

// Retry implements [orchestrator.Timers]. It does not see what is in flight.
func (s *store) Retry(ctx context.Context, shard int, workflow, run string, scheduled int64) (*protocol.ActivityTask, time.Time, error) {
	set, _ := ns.RetryWakeup(shard, workflow, run, scheduled)
	m, err := request(ctx, s.node, fmt.Sprintf("looks for a retry of %s %s event %d", workflow, run, scheduled), func() (message, error) {
		return s.node.w.timers[shard].lastOf(set), nil
	})
	if err != nil || m.seq == 0 {
		return nil, time.Time{}, err
	}
	var body protocol.TimerInput
	err = protocol.Unmarshal(m.data, &body)
	return body.Task, m.at, err
}

// Fired implements [orchestrator.Timers].
func (s *store) Fired(_ context.Context, shard int, after uint64, handle func(protocol.Delivery)) (stop func(), err error) {
	return s.read(s.node.w.timers[shard], ns.FiredTimers(shard), after, handle), nil
}

// ReleaseFired implements [orchestrator.Timers].
func (s *store) ReleaseFired(ctx context.Context, shard int, seq uint64) error {
	return s.purge(ctx, s.node.w.timers[shard], ns.FiredTimers(shard), seq+1)
}

// firing is how long it takes at most until a wake-up is stored of which the server has decided that it fires.
const firing = 50 * time.Millisecond

// armed fires a wake-up when its time has come, as the server does: what it stores takes along whatever lies in the wake-up's place then.
func (w *world) armed(m message) {
	if m.target == "" {
		return
	}
	shard, _ := strconv.Atoi(m.subject[len(ns.Pattern("timer"))+1 : len(ns.Pattern("timer"))+2])
	st := w.timers[shard]
	late := time.Duration(w.rng.Int64N(int64(250 * time.Millisecond)))
	if w.bad.strikes(lateTimer, m.subject) {
		late += w.some(10 * time.Second)
	}
	w.in(max(time.Until(m.at), 0)+late, "fires "+m.subject, func() {
		if now := st.lastOf(m.subject); now.seq != m.seq {
			return // it was replaced, or removed
		}
		w.in(w.some(firing), "has fired "+m.subject, func() {
			st.purge(m.subject, 0)
			st.store(message{subject: m.target, data: m.data, time: time.Now()})
		})
	})
}

// Index, Versions, Past and the rest.

// PutRows implements [orchestrator.Index].
func (s *store) PutRows(ctx context.Context, rows []protocol.Row) error {
	_, err := requestInOrder(ctx, s.node, "rows", "stores rows", func() (struct{}, error) {
		s.node.w.shadow.rows(s.node, rows)
		return struct{}{}, nil
	})
	return err
}

// CurrentVersion implements [orchestrator.Versions].
func (s *store) CurrentVersion(context.Context, string) (string, error) { return "", nil }

// Retention implements [orchestrator.Past].
func (s *store) Retention(context.Context) (time.Duration, error) { return 0, nil }

// Roomy implements [orchestrator.Store].
func (s *store) Roomy([]byte) error { return nil }

// Shards implements [orchestrator.Store].
func (s *store) Shards() int { return s.node.w.shards }

// Go implements [orchestrator.Store]. Whoever calls it has come to rest by then, and so have the goroutines that were begun before.
func (s *store) Go(f func()) {
	n, now := s.node, time.Now()
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	if n.begins = n.begins.Add(1); !n.begins.After(now) {
		n.begins = now.Add(1)
	}
	time.AfterFunc(n.begins.Sub(now), f)
}

// PruneWorker implements [orchestrator.Store].
func (s *store) PruneWorker(context.Context, string, string) error { return nil }

// Blobs implements [orchestrator.Blobs].
func (s *store) Blobs(context.Context) iter.Seq2[protocol.BlobInfo, error] {
	return func(func(protocol.BlobInfo, error) bool) {}
}

// References implements [orchestrator.Blobs].
func (s *store) References(context.Context, protocol.Place) iter.Seq2[protocol.Reference, error] {
	return func(func(protocol.Reference, error) bool) {}
}

// DeadUploads implements [orchestrator.Blobs].
func (s *store) DeadUploads(context.Context, time.Duration) ([]protocol.DeadUpload, error) {
	return nil, nil
}
