package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/millrace-dev/millrace/protocol"
)

// SDK names this SDK and its version to the orchestrator.
const SDK = "go/0.1.0"

// goodbye is how long an activity that was cut off has to notice.
const goodbye = time.Second

// Worker serves one task queue. Create it with [New] and run it once.
type Worker struct {
	config

	queue string
	open  func(context.Context, protocol.Namespace) (Store, error)
	store Store
	cache *cache

	steps    chan struct{} // a token for each step of a workflow that is being taken
	running  sync.WaitGroup
	attempts sync.WaitGroup // of activities, and answers to calls
	draining chan struct{}  // closed when the worker begins to stop

	hands   hands
	caution caution

	mu         sync.Mutex
	executions map[execKey][]*execution // more than one attempt runs of an activity whose worker was taken for dead
	reports    map[execKey]int          // the number of an attempt that has ended, until its result is told
	recalled   recalls
}

func newWorker(queue string, opts []Option, open func(context.Context, protocol.Namespace) (Store, error)) *Worker {
	w := &Worker{
		config: defaults(), queue: queue, open: open,
		draining: make(chan struct{}), executions: make(map[execKey][]*execution), reports: make(map[execKey]int),
		hands:   hands{promised: make(map[promise]time.Time), held: make(map[execKey]int)},
		caution: caution{of: make(map[string]wary)},
	}
	for _, o := range opts {
		o(&w.config)
	}
	if w.identity == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown"
		}
		w.identity = fmt.Sprintf("%s-%d-%s", host, os.Getpid(), uuid.NewString()[:8])
	}
	if w.sessions > 0 {
		w.registry.activities[protocol.SessionActivity] = typed(w.holdSession)
	}
	w.intercept()
	for _, build := range w.registry.make {
		build(w.log)
	}
	w.log = w.log.With("queue", queue, "worker", w.identity)
	w.cache = newCache(w.cacheSize)
	w.steps = make(chan struct{}, max(w.workflowSlots, 1))
	return w
}

// ID is the worker's name.
func (w *Worker) ID() string { return w.identity }

// Run takes tasks until ctx ends, then drains: it takes no more, lets what runs come to its end (activities for as long as
// [Grace] allows) and returns nil. It returns an error at once when the options are wrong or NATS cannot be used, and must
// be called once. With [EnvCheckHistory] in the environment it checks histories instead, and returns.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.validate(); err != nil {
		return err
	}
	if dir := os.Getenv(EnvCheckHistory); dir != "" {
		return w.checkAll(ctx, dir, os.Getenv(EnvCheckReport))
	}
	var err error
	if w.store, err = w.open(ctx, w.namespace); err != nil {
		return err
	}
	w.store.OnLoss(func(why *protocol.Error) {
		w.log.Error("ALARM: a NATS server has lost part of a stream", "error", why, "hint", why.Hint)
	})
	work, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	stop, err := w.start(ctx, work)
	if err != nil {
		w.drain(stop, cut) // tasks may have come before the error
		if ctx.Err() != nil {
			return nil // not an error: the worker was asked to stop while it started
		}
		return err
	}
	w.log.Info("worker ready", "workflows", len(w.registry.workflows), "activities", len(w.registry.activities))
	w.onReady()
	<-ctx.Done()
	w.drain(stop, cut)
	return nil
}

func (w *Worker) validate() error {
	errs := append([]error{w.namespace.Validate(), protocol.ValidateQueue(w.queue)}, w.errs...)
	if len(w.registry.workflows)+len(w.registry.activities) == 0 {
		errs = append(errs, protocol.Errorf(protocol.CodeBadRequest, "the worker has nothing to run").
			WithHint("pass worker.Workflow(f) or worker.Activity(f) to worker.New"))
	}
	if w.slots < 0 {
		errs = append(errs, protocol.Errorf(protocol.CodeBadRequest, "worker.Slots(%d) is negative", w.slots).
			WithHint("0 makes a worker that runs workflows only"))
	}
	if w.sessions < 0 || w.sessions > 0 && w.slots == 0 {
		errs = append(errs, protocol.Errorf(protocol.CodeBadRequest, "worker.Sessions(%d) needs activity slots", w.sessions).
			WithHint("leave worker.Slots as it is, and give Sessions the number of sessions at once"))
	}
	for name, pinned := range w.registry.pinned {
		if pinned && w.version == "" {
			errs = append(errs, protocol.Errorf(protocol.CodeBadRequest,
				"workflow %s is pinned, but the worker has no version to stay with", name).
				WithHint("pass worker.Version, such as a build ID"))
		}
	}
	if len(w.registry.workflows) > 0 && w.workflowSlots < 1 {
		errs = append(errs, protocol.Errorf(protocol.CodeBadRequest, "worker.WorkflowSlots(%d) leaves no slot for a step", w.workflowSlots).
			WithHint("register no workflow to make a worker that runs activities only"))
	}
	return errors.Join(errs...)
}

// start takes up everything that the worker serves. stop ends it again, in reverse order, and must be called even after an
// error.
func (w *Worker) start(ctx, work context.Context) (stop func(context.Context), err error) {
	s := &services{Worker: w, ctx: ctx, work: work}
	// Activities come first and so are waited for last: a worker that drains must not answer calls for steps that it would refuse.
	for _, q := range w.activityQueues() {
		if err := s.activities(q); err != nil {
			return s.stop, err
		}
	}
	if len(w.registry.workflows) == 0 {
		if err := s.plain(w.store.ServeWorkflowTasks(w.queue, w.identity, nil)); err != nil {
			return s.stop, err
		}
	} else {
		err := s.plain(w.store.ServeQueries(w.queue, w.identity, func(q *protocol.QueryTask, respond Responder) {
			w.takeQuery(work, q, respond)
		}))
		if err != nil {
			return s.stop, err
		}
		for _, queue := range w.taskQueues() {
			if err := s.workflows(queue); err != nil {
				return s.stop, err
			}
		}
	}
	leave, err := w.store.KeepWorker(ctx, w.row())
	if err == nil {
		s.stops = append(s.stops, func(ctx context.Context) {
			if err := leave(ctx); err != nil {
				w.log.Debug("the worker's row could not be removed; an orchestrator will", "error", err)
			}
		})
	}
	return s.stop, err
}

// activityQueues are where the worker takes activities: the queue, and those of its sessions.
func (w *Worker) activityQueues() []TaskQueue {
	if len(w.registry.activities) == 0 || w.slots == 0 {
		return nil
	}
	queue := TaskQueue{Name: w.queue, Slots: w.slots}
	if len(w.registry.workflows) > 0 {
		queue.Aside = w.slots / 2 // for the activities of its own workflows
	}
	queues := []TaskQueue{queue}
	if w.sessions > 0 {
		queues = append(queues, TaskQueue{Name: w.privateQueue(), Slots: w.slots, Private: true},
			TaskQueue{Name: protocol.SessionQueue(w.queue), Slots: w.sessions})
	}
	return queues
}

// taskQueues are where the worker takes steps of workflows: the queue, and its version of it.
func (w *Worker) taskQueues() []string {
	if w.version == "" {
		return []string{w.queue}
	}
	return []string{w.queue, protocol.VersionQueue(w.queue, w.version)}
}

func (w *Worker) row() protocol.Worker {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return protocol.Worker{
		ID: w.identity, Queue: w.queue, Workflows: w.registry.workflowNames(), Activities: w.registry.activityNames(),
		Host: host, PID: os.Getpid(), SDK: SDK, Version: w.version, Started: time.Now().UTC(),
	}
}

// drain stops in good order. Activities that do not end in time are cut off: their tasks go back to the queue.
func (w *Worker) drain(stop func(context.Context), cut context.CancelFunc) {
	close(w.draining)
	ctx, cancel := context.WithTimeout(context.Background(), w.grace)
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop(ctx)
		w.running.Wait()
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
		w.log.Warn("activities are still running; they are cut off and will be started anew")
		cut()
		<-stopped
		w.awaitGoodbyes()
	}
	w.cache.close()
	w.log.Info("worker stopped")
}

// awaitGoodbyes waits a moment for activities that were cut off to give their tasks back. The caller may close the connection next,
// and then the tasks would wait until the broker has missed the worker.
func (w *Worker) awaitGoodbyes() {
	said := make(chan struct{})
	go func() {
		defer close(said)
		w.attempts.Wait()
	}()
	select {
	case <-said:
	case <-time.After(goodbye):
	}
}
