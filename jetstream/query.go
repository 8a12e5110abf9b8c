package jetstream

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// The direct path of queries: whoever asks tells the worker that has the run in its cache, and reads the last record of the workflow from
// the stream's leader at the same time. The worker says which step left its run as it answered; the record says which step was the last
// one, and whose cache it left the run in. If both are the same, the answer is the state of the run at the moment of the reading, whatever
// nodes and workers believe. If they are not, the control API is asked.
//
// The worker must be the one that the record names: two workers may have taken the same step, one of them in vain, and code that draws
// numbers or looks at the clock has come to different states.
//
// The reading is spared where the worker would know better, which hearing.go explains: a step that was the last one is so until the worker
// hears that it was overtaken.

const (
	// queryPatience is how long nothing may be heard of a query that went its direct way. A worker that is at it says so every 500 ms.
	queryPatience = time.Second
	// queryPause is for how long no query goes that way after one of which nothing was heard at all: perhaps it is not allowed.
	queryPause = time.Minute
	// maxKeepers is of how many workflows it is remembered who keeps their runs.
	maxKeepers = 4096
)

// keeper says where a workflow's latest run is kept: in the cache of a worker, which is named by its key.
type keeper struct{ run, worker string }

// kept is what is known of a run that was asked: who kept it and, if that worker is one that would hear of a later step, the nonce of the
// last one that was recorded.
type kept struct {
	lastRecord
	rests bool // no step came between the last two questions, or whoever asks has heard of the last one
}

// keepers remembers who kept the runs that were asked. What it says may be old: it saves time, and proves nothing.
type keepers struct {
	mu     sync.Mutex
	known  map[string]kept
	paused time.Time // until then nobody is asked directly
}

func (k *keepers) of(workflow string) (known kept, paused bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known[workflow], !k.paused.IsZero() && time.Now().Before(k.paused)
}

// note remembers a keeper. When there are too many, any other one is forgotten.
func (k *keepers) note(workflow string, now kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		k.known = make(map[string]kept)
	}
	if k.known[workflow] == now {
		return
	}
	k.known[workflow] = now
	for other := range k.known {
		if len(k.known) <= maxKeepers {
			break
		}
		delete(k.known, other)
	}
}

// learn notes what is known of a step, if its workflow is one that is asked, and whose worker was found to be one that hears of others.
func (k *keepers) learn(workflow string, now kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known[workflow].nonce != "" {
		k.known[workflow] = now
	}
}

func (k *keepers) pause() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.paused = time.Now().Add(queryPause)
}

// QueryCached asks the worker that has the workflow's latest run in its cache. known says that the answer is the run's, as its last record
// left it; else nothing is known, and the control API is to be asked. A run that is not the latest has no such worker.
func (s *Store) QueryCached(
	ctx context.Context, workflow, run string, q protocol.WorkflowQuery,
) (answer protocol.QueryAnswer, known bool) {
	before, paused := s.keepers.of(workflow)
	if paused || protocol.ValidateID("workflow ID", workflow) != nil {
		return answer, false
	}
	if run != "" && run != before.run {
		before = kept{}
	}
	a := &asking{s: s, workflow: workflow, run: run, query: q}
	defer a.close()
	if !a.believe(ctx, before) && !a.look(ctx, before.keeper) || !a.confirmed(ctx) {
		return answer, false
	}
	a.remember(before)
	answer = protocol.QueryAnswer{ID: workflow, Run: a.last.run, Failure: a.answer.Failure}
	if a.answer.Query != nil {
		answer.Result, answer.Failure = a.answer.Query.Result, a.answer.Query.Failure
	}
	return answer, true
}

// asking is a query on its direct way.
type asking struct {
	s        *Store
	workflow string
	run      string // empty: the latest
	query    protocol.WorkflowQuery

	records, answers <-chan *nats.Msg
	stops            []func()

	asked  keeper                       // who was told last
	answer *protocol.WorkflowTaskAnswer // what that worker said; nil: nothing yet
	last   *lastRecord                  // nil: not read yet
	silent bool                         // nothing was heard for too long
}

// lastRecord is what the headers of a workflow's last record say.
type lastRecord struct {
	keeper
	nonce string
}

// look finds out what the last record is, and what the worker says that it names. Who kept the run before is told at the same time, if that
// was not done yet.
func (a *asking) look(ctx context.Context, before keeper) bool {
	stream := a.s.ns.HistoryStream(a.s.shard(a.workflow))
	ctx, done := a.s.allowed(ctx, a.s.ns.Queries(""), a.s.api("STREAM.MSG.GET."+stream), a.s.api("DIRECT.GET."+stream+"."))
	defer done(nil) //nolint:errcheck // the control API is asked instead
	if a.asked != before && a.tell(before) != nil {
		return false
	}
	a.last = nil
	if a.silent || a.read() != nil || !a.await(ctx) || a.last.worker == "" || a.run != "" && a.run != a.last.run {
		return false
	}
	switch {
	case a.asked != a.last.keeper: // the first time, or another worker has it now
		return a.tell(a.last.keeper) == nil && a.await(ctx)
	case a.answer.Nonce != "" && a.answer.Nonce != a.last.nonce: // most often the step has been recorded by now
		a.last = nil
		return a.read() == nil && a.await(ctx)
	}
	return true
}

func (a *asking) close() {
	for _, stop := range a.stops {
		stop()
	}
}

// tell asks a worker.
func (a *asking) tell(k keeper) error {
	a.asked, a.answer = k, nil
	data, err := protocol.Marshal(protocol.QueryTask{Workflow: a.workflow, Run: k.run, Query: a.query})
	if err != nil {
		return err
	}
	a.answers, err = a.send(4, a.s.ns.Queries(k.worker), protocol.Pack(data))
	return err
}

// read asks for the last record.
func (a *asking) read() (err error) {
	shard := a.s.shard(a.workflow)
	stream, subject := a.s.ns.HistoryStream(shard), a.s.ns.History(shard, a.workflow)
	alone, ask := a.s.alone.is(a.s.nc)
	if alone {
		a.records, err = a.send(1, a.s.api("DIRECT.GET."+stream+"."+subject), nil)
		return err
	}
	body, err := protocol.Marshal(map[string]any{"last_by_subj": subject})
	if err != nil {
		return err
	}
	if a.records, err = a.send(1, a.s.api("STREAM.MSG.GET."+stream), body); err == nil && ask {
		err = a.askAlone(stream)
	}
	return err
}

// askAlone asks the server whether it is alone. Nobody waits for the answer: whoever is there takes it.
func (a *asking) askAlone(stream string) error {
	server := a.s.nc.ConnectedServerId()
	answers, err := a.s.mux.open(1)
	if err != nil {
		return err
	}
	subject := a.s.api("STREAM.INFO." + stream)
	refusal, done := a.s.allowed(context.Background(), subject)
	context.AfterFunc(refusal, func() {
		if errors.Is(context.Cause(refusal), protocol.ErrUnauthorized) {
			a.s.alone.giveUp(server)
		}
	})
	a.stops = append(a.stops, func() {
		_ = done(nil)
		a.s.alone.keep(introduction{server, answers})
	})
	return a.s.nc.PublishMsg(&nats.Msg{Subject: subject, Reply: answers.to})
}

func (a *asking) send(most int, subject string, body []byte) (<-chan *nats.Msg, error) {
	answers, err := a.s.mux.open(most)
	if err != nil {
		return nil, err
	}
	a.stops = append(a.stops, answers.close)
	return answers.heard, a.s.nc.PublishMsg(&nats.Msg{Subject: subject, Reply: answers.to, Data: body})
}

// await waits until the last record is known and, if that names the worker who was told, for what it says.
func (a *asking) await(ctx context.Context) bool {
	silence := time.NewTimer(queryPatience)
	defer silence.Stop()
	for a.last == nil || a.answer == nil && a.asked == a.last.keeper {
		select {
		case m := <-a.records:
			if a.last = readLastRecord(m); a.last == nil {
				return false
			}
		case m := <-a.answers:
			answer, err := a.s.readAnswer(m)
			if err != nil {
				answer = &protocol.WorkflowTaskAnswer{Refusal: protocol.RefusalCacheMiss}
			}
			if answer.Progress {
				silence.Reset(queryPatience)
				continue
			}
			a.answer = answer
		case <-silence.C:
			a.silent = true
			if a.last == nil && a.s.nc.IsConnected() {
				a.s.keepers.pause()
			}
			return false
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), protocol.ErrUnauthorized) {
				a.s.keepers.pause()
			}
			return false
		}
	}
	return true
}

// readLastRecord is nil when there is no record, or none that can be read.
func readLastRecord(m *nats.Msg) *lastRecord {
	h := m.Header // of a direct get
	if len(h) == 0 {
		stored, err := readStored(m)
		if err != nil || stored.Seq == 0 {
			return nil
		}
		if h, err = stored.header(); err != nil {
			return nil
		}
	}
	last := &lastRecord{
		keeper: keeper{run: h.Get(protocol.HeaderRun), worker: h.Get(protocol.HeaderWorker)}, nonce: h.Get(protocol.HeaderNonce),
	}
	if last.nonce == "" {
		return nil // the server says that there is nothing
	}
	return last
}

// confirmed reports whether the answer is the state that the last record left, or says why the worker has none. Code of a version that is
// not current does not count: the run has left it, or will.
func (a *asking) confirmed(ctx context.Context) bool {
	switch {
	case a.answer.Refusal != "" || a.asked != a.last.keeper:
		return false
	case a.answer.Failure != nil:
		return true
	case a.answer.Nonce != a.last.nonce || a.answer.Query == nil || unknownQuery(a.answer.Query.Failure):
		return false // the control API has better words for a name that is not known
	case a.answer.Pinned:
		return true
	}
	current, err := a.s.CurrentVersion(ctx, a.queue())
	return err == nil && (current == "" || current == a.answer.Version)
}

func unknownQuery(f *protocol.Failure) bool {
	return f != nil && f.Application != nil && f.Application.Type == string(protocol.CodeUnknownQuery)
}

// queue is the queue that the worker serves.
func (a *asking) queue() string {
	token, _, _ := strings.Cut(a.asked.worker, ".")
	queue, err := protocol.ParseToken(token)
	if err != nil {
		return ""
	}
	return queue
}

// ServeQueries takes the questions to the runs that a worker has in its cache until stop is called. handle runs on the goroutine of the
// subscription and must not block.
func (s *Store) ServeQueries(queue, worker string, handle func(*protocol.QueryTask, Responder)) (stop func(), err error) {
	sub, err := s.subscription(s.ns.Queries(protocol.WorkerKey(queue, worker)), "", func(m *nats.Msg) {
		var task protocol.QueryTask
		if err := unpack(m.Data, &task); err != nil {
			_ = s.responder(m)(unreadable(worker, err))
			return
		}
		handle(&task, s.responder(m))
	})
	if err != nil {
		return nil, err
	}
	// However much waits, nothing is dropped: what is dropped could be that a run has gone on elsewhere.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, wrap(err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}
