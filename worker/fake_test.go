package worker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// ackWait is the fake broker's; its third is a round number.
const ackWait = 3 * time.Second

// fake is a worker's outside in memory. It keeps what it is told; fail makes a call go wrong.
type fake struct {
	mu      sync.Mutex
	faults  map[string]func() error // by the name of the method
	delays  map[string]time.Duration
	open    map[string]bool // what was taken up and not stopped yet
	handle  map[protocol.TaskKind]func(Task)
	slots   map[protocol.TaskKind]int
	steps   func(*protocol.WorkflowTask, Responder)
	queries func(*protocol.QueryTask, Responder)
	cancel  func(protocol.CancelActivity) []protocol.ActivityAttempt
	hand    func(protocol.HandOver)
	ask     func(string, []protocol.ActivityAttempt) []protocol.ActivityAttempt
	aside   int // slots that are set aside
	working map[protocol.TaskKind]*sync.WaitGroup

	rows     map[string]protocol.Worker
	results  []protocol.ActivityResult
	told     []told
	heard    chan struct{} // what is ready is heard when something comes from it; nil: at once
	hearing  protocol.Hearing
	buried   []protocol.Delivery
	beats    map[execKey]protocol.Heartbeat
	beaten   []time.Time // when heartbeats were stored
	blobs    map[string][]byte
	history  []protocol.Event // what the control API knows, in pages of pageSize
	pageSize int
	asked    []protocol.HistoryRequest
}

// told is an input in a workflow's inbox.
type told struct {
	workflow, id string
	body         protocol.InputBody
}

func newFake() *fake {
	return &fake{
		faults: map[string]func() error{}, delays: map[string]time.Duration{},
		open: map[string]bool{}, handle: map[protocol.TaskKind]func(Task){},
		slots: map[protocol.TaskKind]int{}, rows: map[string]protocol.Worker{}, beats: map[execKey]protocol.Heartbeat{},
		working: map[protocol.TaskKind]*sync.WaitGroup{protocol.TaskActivity: {}, protocol.TaskWorkflow: {}},
		blobs:   map[string][]byte{}, pageSize: 2,
	}
}

// fail makes every call of a method ask err what to return.
func (f *fake) fail(method string, err func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[method] = err
}

// enter takes the lock for a call, after the call's delay, or says how the call goes wrong.
func (f *fake) enter(ctx context.Context, method string) (leave func(), err error) {
	f.mu.Lock()
	if d := f.delays[method]; d > 0 {
		f.mu.Unlock()
		<-time.After(d)
		f.mu.Lock()
	}
	if fault := f.faults[method]; fault != nil {
		err = fault()
	}
	if err == nil {
		err = ctx.Err()
	}
	return f.mu.Unlock, err
}

func (f *fake) take(name string) (stop func()) {
	f.open[name] = true
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.open, name)
	}
}

// serving lists what was taken up and not stopped yet.
func (f *fake) serving() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.open))
}

func (f *fake) ServeWorkflowTasks(_, _ string, handle func(*protocol.WorkflowTask, Responder)) (func(), error) {
	leave, err := f.enter(context.Background(), "ServeWorkflowTasks")
	defer leave()
	if err != nil {
		return nil, err
	}
	if handle == nil {
		return f.take("pings"), nil
	}
	f.steps = handle
	return f.take("steps"), nil
}

func (f *fake) ServeQueries(_, _ string, handle func(*protocol.QueryTask, Responder)) (func(), error) {
	leave, err := f.enter(context.Background(), "ServeQueries")
	defer leave()
	if err != nil {
		return nil, err
	}
	f.queries = handle
	return f.take("queries"), nil
}

func (f *fake) Hearing() protocol.Hearing {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hearing
}

func (f *fake) Pull(ctx context.Context, kind protocol.TaskKind, q TaskQueue, handle func(Task)) (Puller, error) {
	leave, err := f.enter(ctx, "Pull")
	defer leave()
	if err != nil {
		return nil, err
	}
	f.handle[kind], f.slots[kind] = handle, q.Slots
	f.aside += q.Aside
	return &fakePuller{fake: f, kind: kind, stop: f.take("pull " + string(kind))}, nil
}

// fakePuller hands out the slots that are set aside.
type fakePuller struct {
	*fake

	kind protocol.TaskKind
	stop func()
}

func (p *fakePuller) Stop(ctx context.Context) {
	p.stop()
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		p.working[p.kind].Wait()
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

func (p *fakePuller) Take() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.aside == 0 {
		return false
	}
	p.aside--
	p.working[p.kind].Add(1)
	return true
}

func (p *fakePuller) Give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.aside++
	p.working[p.kind].Done()
}

func (f *fake) Go(run func()) { go run() }

func (f *fake) OnLoss(func(*protocol.Error)) {}

func (f *fake) OnHandOver(
	_, _ string, give func(protocol.HandOver), ask func(string, []protocol.ActivityAttempt) []protocol.ActivityAttempt,
) (func(), error) {
	leave, err := f.enter(context.Background(), "OnHandOver")
	defer leave()
	if err != nil {
		return nil, err
	}
	f.hand, f.ask = give, ask
	return f.take("hand-overs"), nil
}

func (f *fake) OnCancel(_ string, cancel func(protocol.CancelActivity) []protocol.ActivityAttempt) (func(), error) {
	leave, err := f.enter(context.Background(), "OnCancel")
	defer leave()
	if err != nil {
		return nil, err
	}
	f.cancel = cancel
	return f.take("cancels"), nil
}

func (f *fake) Tell(ctx context.Context, workflow string, body protocol.InputBody, id, _ string) error {
	leave, err := f.enter(ctx, "Tell")
	defer leave()
	if err == nil {
		f.told = append(f.told, told{workflow, id, body})
	}
	return err
}

func (f *fake) TellReady(ctx context.Context, workflow string, ready protocol.WorkerReady) (heard func(<-chan struct{}), err error) {
	leave, err := f.enter(ctx, "TellReady")
	defer leave()
	if err != nil {
		return nil, err
	}
	f.told = append(f.told, told{workflow, "", ready})
	return func(until <-chan struct{}) {
		if f.heard == nil {
			return
		}
		select {
		case <-f.heard:
		case <-until:
		}
	}, nil
}

func (f *fake) PublishResult(ctx context.Context, _ string, r protocol.ActivityResult) error {
	leave, err := f.enter(ctx, "PublishResult")
	defer leave()
	if err == nil {
		f.results = append(f.results, r)
	}
	return err
}

func (f *fake) Request(ctx context.Context, endpoint string, in, out any) error {
	leave, err := f.enter(ctx, "Request")
	defer leave()
	if err != nil {
		return err
	}
	req, ok := in.(protocol.HistoryRequest)
	if !ok || !strings.HasPrefix(endpoint, protocol.EndpointHistory+".") {
		return fmt.Errorf("an unexpected request to %s: %+v", endpoint, in)
	}
	f.asked = append(f.asked, req)
	rest := f.history[min(int(req.After), len(f.history)):]
	n := min(len(rest), f.pageSize)
	*out.(*protocol.HistoryPage) = protocol.HistoryPage{Run: req.Run, Events: slices.Clone(rest[:n]), More: n < len(rest)}
	return nil
}

func (f *fake) KeepWorker(ctx context.Context, w protocol.Worker) (func(context.Context) error, error) {
	leave, err := f.enter(ctx, "KeepWorker")
	defer leave()
	if err != nil {
		return nil, err
	}
	f.rows[w.ID] = w
	return func(ctx context.Context) error {
		leave, err := f.enter(ctx, "KeepWorker")
		defer leave()
		delete(f.rows, w.ID)
		return err
	}, nil
}

func (f *fake) PutHeartbeat(ctx context.Context, run string, scheduled int64, h protocol.Heartbeat) error {
	leave, err := f.enter(ctx, "PutHeartbeat")
	defer leave()
	if err == nil {
		f.beats[execKey{run, scheduled}] = h
		f.beaten = append(f.beaten, time.Now())
	}
	return err
}

func (f *fake) Heartbeat(ctx context.Context, run string, scheduled int64) (*protocol.Heartbeat, error) {
	leave, err := f.enter(ctx, "Heartbeat")
	defer leave()
	if h, ok := f.beats[execKey{run, scheduled}]; ok && err == nil {
		return &h, nil
	}
	return nil, err
}

func (f *fake) DeleteHeartbeat(ctx context.Context, run string, scheduled int64) error {
	leave, err := f.enter(ctx, "DeleteHeartbeat")
	defer leave()
	if err == nil {
		delete(f.beats, execKey{run, scheduled})
	}
	return err
}

func (f *fake) PutBlob(ctx context.Context, r io.Reader) (protocol.Blob, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return protocol.Blob{}, err
	}
	return f.PutBytes(ctx, data)
}

func (f *fake) KeepBlob(ctx context.Context, _ string, _ time.Duration) error {
	leave, err := f.enter(ctx, "KeepBlob")
	defer leave()
	return err
}

func (f *fake) PutBytes(ctx context.Context, data []byte) (protocol.Blob, error) {
	leave, err := f.enter(ctx, "PutBlob")
	defer leave()
	if err != nil {
		return protocol.Blob{}, err
	}
	sum := sha256.Sum256(data)
	b := protocol.Blob{Name: protocol.BlobName(sum[:]), Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
	f.blobs[b.Name] = bytes.Clone(data)
	return b, nil
}

func (f *fake) GetRange(ctx context.Context, b protocol.Blob, offset, length int64) (io.ReadCloser, error) {
	r, err := f.GetBlob(ctx, b)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, r, offset); err != nil {
		return nil, err
	}
	if length < 0 {
		return r, nil
	}
	return io.NopCloser(io.LimitReader(r, length)), nil
}

// GetBlob opens a blob as the object store does: what is not as it was stored ends with an error in place of io.EOF.
func (f *fake) GetBlob(ctx context.Context, b protocol.Blob) (io.ReadCloser, error) {
	leave, err := f.enter(ctx, "GetBlob")
	defer leave()
	if err != nil {
		return nil, err
	}
	data, ok := f.blobs[b.Name]
	if !ok {
		return nil, protocol.Errorf(protocol.CodeNotFound, "the blob %q is not in the object store", b.Name)
	}
	r := io.Reader(bytes.NewReader(data))
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != b.SHA256 {
		r = io.MultiReader(r, broken{protocol.Errorf(protocol.CodeCorrupt, "the blob %q is not what was stored", b.Name)})
	}
	return io.NopCloser(r), nil
}

func (f *fake) DeadLetter(ctx context.Context, d protocol.Delivery, _ error) error {
	leave, err := f.enter(ctx, "DeadLetter")
	defer leave()
	if err == nil {
		f.buried = append(f.buried, d)
	}
	return err
}

func (*fake) MaxMessage() int { return 1 << 20 }

func (*fake) AckWait() time.Duration { return ackWait }

// broken is a reader that fails.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// fakeTask is a task out of the fake's stream.
type fakeTask struct {
	working   *sync.WaitGroup
	body      []byte
	delivered int
	ended     chan string // "ack" or "nak"
	early     bool        // it was acknowledged before its slot was free
	free      atomic.Bool // the slot is

	mu    sync.Mutex
	alive []time.Time // when the broker heard that it is worked on
}

// give hands a task to the worker.
func (f *fake) give(kind protocol.TaskKind, body []byte, delivered int) *fakeTask {
	t := &fakeTask{working: f.working[kind], body: body, delivered: delivered, ended: make(chan string, 1)}
	t.working.Add(1)
	f.mu.Lock()
	handle := f.handle[kind]
	f.mu.Unlock()
	handle(t)
	return t
}

func (t *fakeTask) Body() []byte              { return t.body }
func (*fakeTask) Header() map[string][]string { return nil }
func (*fakeTask) Subject() string             { return "mr.default.task.test" }
func (t *fakeTask) Delivered() int            { return t.delivered }
func (t *fakeTask) Ack() error                { return t.end("ack") }
func (t *fakeTask) Nak() error                { return t.end("nak") }

func (t *fakeTask) Leave() {
	if !t.early {
		t.ended <- "leave"
	}
	t.free.Store(true)
	t.working.Done()
}

func (t *fakeTask) AckEarly() error {
	t.early = true
	t.ended <- "ack"
	return nil
}

func (t *fakeTask) signs() []time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.alive)
}

func (t *fakeTask) InProgress() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.alive = append(t.alive, time.Now())
	return nil
}

func (t *fakeTask) end(how string) error {
	t.ended <- how // a second end blocks, and the test with it
	t.free.Store(true)
	t.working.Done()
	return nil
}
