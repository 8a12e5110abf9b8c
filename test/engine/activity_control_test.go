package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// shop has an activity whose attempts the test decides about: each says what it is, and ends as it is told, or when its context does.
type shop struct {
	begun   chan activity.Details
	end     chan error
	details atomic.Int64 // what the last attempt found of an earlier one's heartbeat
}

func newShop() *shop { return &shop{begun: make(chan activity.Details, 10), end: make(chan error, 10)} }

func (s *shop) Serve(ctx context.Context, _ string) (int, error) {
	n, _, err := activity.HeartbeatDetails[int64](ctx)
	if err != nil {
		return 0, err
	}
	s.details.Store(n)
	if err := activity.Heartbeat(ctx, 7); err != nil {
		return 0, err
	}
	s.begun <- activity.Info(ctx)
	select {
	case err := <-s.end:
		return activity.Info(ctx).Attempt, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Order has the shop serve on a queue, and tries again after an hour, once.
func (s *shop) Order(ctx workflow.Context, queue string) (int, error) {
	return workflow.Do(ctx, s.Serve, queue, workflow.Queue(queue), workflow.WaitForCancel(), workflow.Retry(workflow.RetryPolicy{
		InitialInterval: workflow.Duration(time.Hour), MaximumAttempts: 2,
	}))
}

func (s *shop) options() []worker.Option {
	return []worker.Option{worker.Workflow(s.Order), worker.Activity(s.Serve)}
}

// pending is the run's one pending activity.
func pending(t *testing.T, e *rig.Engine, id string) protocol.PendingActivity {
	t.Helper()
	d, err := e.Client().Describe(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Activities) != 1 {
		t.Fatalf("%d activities are pending", len(d.Activities))
	}
	return d.Activities[0]
}

// awaitRetry waits until the next attempt waits. The time of one that was called back lies in the past for a moment.
func awaitRetry(t *testing.T, e *rig.Engine, id string) {
	t.Helper()
	rig.Until(t, "the next attempt waits", func() bool { return pending(t, e, id).NextAttempt.After(time.Now()) })
}

func nameOf(t *testing.T, f any) string {
	t.Helper()
	name, err := protocol.FuncName(f)
	check(t, err)
	return name
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An activity that lies on its queue when it is paused is not there any more when a worker comes. It is back when it is unpaused, and
// nothing of it has counted.
func TestPauseOfAnActivityOnItsQueue(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := newShop()
	e.Work(t, s.options()...)
	run := rig.Run(t, e, s.Order, "late")
	e.Await(t, run.ID(), "ActivityTaskScheduled")
	check(t, e.Client().PauseActivity(t.Context(), run.ID(), "1", client.Reason("the bank is closed")))
	awaitRetry(t, e, run.ID())
	if p := pending(t, e, run.ID()); p.Paused == nil || p.Paused.Reason != "the bank is closed" || p.Attempt != 1 {
		t.Errorf("describe shows %+v", p)
	}
	e.WorkOn(t, "late", s.options()...)
	other := rig.Run(t, e, s.Order, "late")
	s.end <- nil
	rig.Result(t, other)
	if d := <-s.begun; d.Workflow != other.ID() {
		t.Fatalf("the first activity that begins is of %s", d.Workflow)
	}
	check(t, e.Client().UnpauseActivity(t.Context(), run.ID(), "1"))
	s.end <- nil
	if got := rig.Result(t, run); got != 1 {
		t.Errorf("it ended in attempt %d", got)
	}
}

// An activity that runs when it is paused is asked to stop, and that attempt does not count.
func TestPauseOfARunningActivity(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := newShop()
	e.Work(t, s.options()...)
	run := rig.Run(t, e, s.Order, "test")
	for range 3 { // more often than the policy has attempts
		if d := <-s.begun; d.Attempt != 1 {
			t.Errorf("attempt %d", d.Attempt)
		}
		check(t, e.Client().PauseActivity(t.Context(), run.ID(), "1"))
		awaitRetry(t, e, run.ID())
		check(t, e.Client().UnpauseActivity(t.Context(), run.ID(), "1"))
	}
	<-s.begun
	s.end <- nil
	if got := rig.Result(t, run); got != 1 {
		t.Errorf("it ended in attempt %d", got)
	}
}

// A paused activity that takes no notice comes to its end.
func TestPausedActivityMayComplete(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := newShop()
	deaf := func(ctx context.Context, _ string) (int, error) {
		s.begun <- activity.Info(ctx)
		return activity.Info(ctx).Attempt, <-s.end
	}
	e.Work(t, worker.Workflow(s.Order), worker.Activity(deaf, worker.Named(nameOf(t, s.Serve))))
	run := rig.Run(t, e, s.Order, "test")
	<-s.begun
	check(t, e.Client().PauseActivity(t.Context(), run.ID(), "1"))
	s.end <- nil
	if got := rig.Result(t, run); got != 1 {
		t.Errorf("it ended in attempt %d", got)
	}
}

// A reset begins anew and at once: attempts are counted from 1, and what was reported may be forgotten.
func TestResetOfAnActivity(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := newShop()
	e.Work(t, s.options()...)
	run := rig.Run(t, e, s.Order, "test")
	fail := func(attempt int) {
		t.Helper()
		if d := <-s.begun; d.Attempt != attempt {
			t.Errorf("attempt %d, want %d", d.Attempt, attempt)
		}
		s.end <- errors.New("sold out")
		awaitRetry(t, e, run.ID())
	}
	fail(1)
	check(t, e.Client().ResetActivity(t.Context(), run.ID(), "1"))
	fail(1) // and once more, though the policy allows two attempts
	if s.details.Load() != 7 {
		t.Error("the reset has taken the heartbeat away")
	}
	check(t, e.Client().ResetActivity(t.Context(), run.ID(), "1", client.DropHeartbeat()))
	if d := <-s.begun; d.Attempt != 1 {
		t.Errorf("attempt %d", d.Attempt)
	}
	if s.details.Load() != 0 {
		t.Errorf("the attempt found %d", s.details.Load())
	}
	// One that runs is asked to stop.
	check(t, e.Client().ResetActivity(t.Context(), run.ID(), "1", client.DropHeartbeat()))
	<-s.begun
	if s.details.Load() != 0 {
		t.Errorf("the attempt after a running one found %d", s.details.Load())
	}
	s.end <- nil
	if got := rig.Result(t, run); got != 1 {
		t.Errorf("it ended in attempt %d", got)
	}
}

// late reads what was reported when the test says so, and reports 8.
type late struct {
	begun chan struct{}
	read  chan struct{}
	found chan int
	end   chan error
}

func (l *late) Serve(ctx context.Context, _ string) (int, error) {
	l.begun <- struct{}{}
	<-l.read
	n, _, err := activity.HeartbeatDetails[int](ctx)
	if err := errors.Join(err, activity.Heartbeat(ctx, 8)); err != nil {
		return 0, err
	}
	l.found <- n
	return n, <-l.end
}

// What an attempt before a reset reported may come after it. It is not for an attempt after the reset, whose own reports are for the next.
func TestHeartbeatThatComesAfterAReset(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	l := &late{begun: make(chan struct{}), read: make(chan struct{}), found: make(chan int), end: make(chan error)}
	order := func(ctx workflow.Context, _ string) (int, error) {
		return workflow.Do(ctx, l.Serve, "", workflow.Retry(workflow.RetryPolicy{InitialInterval: workflow.Duration(time.Hour)}))
	}
	e.Work(t, worker.Workflow(order, worker.Named("order")), worker.Activity(l.Serve))
	run, err := client.StartNamed[int](t.Context(), e.Client(), "order", "", client.Queue(rig.Queue))
	check(t, err)
	serve := func(want int, err error) {
		t.Helper()
		if got := <-l.found; got != want {
			t.Errorf("the attempt found %d, want %d", got, want)
		}
		l.end <- err
	}
	l.read <- <-l.begun
	serve(0, errors.New("sold out"))
	awaitRetry(t, e, run.ID())
	p := pending(t, e, run.ID())
	check(t, e.Client().ResetActivity(t.Context(), run.ID(), "1", client.DropHeartbeat()))
	<-l.begun // so the reset has been performed
	stale, err := protocol.Encode(7)
	check(t, err)
	store, err := jetstream.Open(t.Context(), e.Conn(), protocol.DefaultNamespace)
	check(t, err)
	check(t, store.PutHeartbeat(t.Context(), run.RunID(), p.ScheduledID, protocol.Heartbeat{Attempt: p.Attempt, Details: stale}))
	l.read <- struct{}{}
	serve(0, errors.New("sold out again"))
	check(t, e.Client().ResetActivity(t.Context(), run.ID(), "1"))
	l.read <- <-l.begun
	serve(8, nil)
	rig.Result(t, run)
}

// A reset of a paused activity lets it go on, unless told otherwise.
func TestResetOfAPausedActivity(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := newShop()
	e.Work(t, s.options()...)
	run := rig.Run(t, e, s.Order, "test")
	<-s.begun
	check(t, e.Client().PauseActivity(t.Context(), run.ID(), "1"))
	awaitRetry(t, e, run.ID())
	check(t, e.Client().ResetActivity(t.Context(), run.ID(), "1", client.KeepPaused()))
	if pending(t, e, run.ID()).Paused == nil {
		t.Error("it is not paused any more")
	}
	check(t, e.Client().ResetActivity(t.Context(), run.ID(), "1"))
	<-s.begun
	s.end <- nil
	rig.Result(t, run)
}

// What lies on the wrong queue is moved, and takes its other new options along. The old ones can be put back.
func TestUpdateOfAnActivity(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := newShop()
	e.Work(t, s.options()...)
	run := rig.Run(t, e, s.Order, "nowhere")
	e.Await(t, run.ID(), "ActivityTaskScheduled")
	name := nameOf(t, s.Serve)
	check(t, e.Client().UpdateActivity(t.Context(), run.ID(), name,
		client.ActivityChanges().Queue("test").StartToClose(time.Hour).Retry(protocol.RetryPolicy{
			InitialInterval: protocol.Duration(time.Millisecond), MaximumAttempts: 5,
		})))
	for attempt := 1; attempt <= 4; attempt++ {
		d := <-s.begun
		if d.Attempt != attempt || d.Deadline.IsZero() || d.Queue != "test" {
			t.Errorf("attempt %d on %s until %s", d.Attempt, d.Queue, d.Deadline)
		}
		if attempt < 4 {
			s.end <- errors.New("not yet")
		}
	}
	if p := pending(t, e, run.ID()); p.Changed == nil || p.Changed.Queue != "test" || p.MaximumAttempts != 5 {
		t.Errorf("describe shows %+v", p)
	}
	check(t, e.Client().RestoreActivity(t.Context(), run.ID(), name))
	if p := pending(t, e, run.ID()); p.Queue != "nowhere" || p.MaximumAttempts != 2 {
		t.Errorf("describe shows %+v", p)
	}
	s.end <- nil
	rig.Result(t, run)
}

func TestActivityControlIsRefused(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := newShop()
	e.Work(t, s.options()...)
	run := rig.Run(t, e, s.Order, "test")
	<-s.begun
	c := e.Client()
	for want, err := range map[protocol.Code]error{
		protocol.CodeNotFound: c.PauseActivity(t.Context(), run.ID(), "2"),
		protocol.CodeBadRequest: errors.Join(
			c.UpdateActivity(t.Context(), run.ID(), "1", client.ActivityChanges()),
			c.UpdateActivity(t.Context(), run.ID(), "1", client.ActivityChanges().StartToClose(-1))),
	} {
		if got := protocol.AsError(err).Code; got != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	s.end <- nil
	rig.Result(t, run)
	if err := c.PauseActivity(t.Context(), run.ID(), "1"); !errors.Is(err, protocol.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// An activity that is canceled while it lies on its queue is canceled, though no worker ever takes it.
func TestCancelOfAnActivityOnItsQueue(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := newShop()
	e.Work(t, s.options()...)
	run := rig.Run(t, e, s.Order, "nowhere")
	e.Await(t, run.ID(), "ActivityTaskScheduled")
	check(t, e.Client().Cancel(t.Context(), run.ID()))
	if _, err := run.Wait(t.Context()); !errors.Is(err, protocol.ErrCanceled) {
		t.Errorf("it ended with %v", err)
	}
}

// What a run that has ended left on a queue, no worker begins.
func TestTasksOfAnEndedRunAreTakenOffTheirQueue(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := newShop()
	e.Work(t, s.options()...)
	run := rig.Run(t, e, s.Order, "late")
	e.Await(t, run.ID(), "ActivityTaskScheduled")
	check(t, e.Client().Terminate(t.Context(), run.ID()))
	rig.Until(t, "the queue is empty", func() bool { return e.Tasks(t) == 1 }) // one that is always there
	e.WorkOn(t, "late", s.options()...)
	other := rig.Run(t, e, s.Order, "late")
	s.end <- nil
	rig.Result(t, other)
	if d := <-s.begun; d.Workflow != other.ID() {
		t.Errorf("the first activity that begins is of %s", d.Workflow)
	}
}

// Spread has the shop serve many at once.
func (s *shop) Spread(ctx workflow.Context, n int) (int, error) {
	futures := make([]workflow.Future[int], n)
	for i := range futures {
		futures[i] = workflow.Start(ctx, s.Serve, "it")
	}
	sum := 0
	for _, f := range futures {
		attempt, err := f.Get(ctx)
		if err != nil {
			return 0, err
		}
		sum += attempt
	}
	return sum, nil
}

// Five hundred activities that lie on a queue are paused together, and go on together. The one that runs is asked to make way.
func TestPauseOfManyActivities(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	s := newShop()
	e.Work(t, worker.Workflow(s.Spread), worker.Activity(s.Serve), worker.Slots(1))
	const n = 500
	run := rig.Run(t, e, s.Spread, n)
	<-s.begun
	serve := nameOf(t, s.Serve)
	began := time.Now()
	check(t, e.Client().PauseActivity(t.Context(), run.ID(), serve))
	rig.Until(t, "the queue is empty", func() bool { return e.Tasks(t) == 1 }) // one that is always there
	t.Logf("paused %d activities in %s", n, time.Since(began))
	check(t, e.Client().UnpauseActivity(t.Context(), run.ID(), serve))
	go func() {
		for range n {
			<-s.begun
			s.end <- nil
		}
	}()
	if got := rig.Result(t, run); got != n {
		t.Errorf("it took %d attempts", got)
	}
}
