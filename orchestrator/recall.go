package orchestrator

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// Recalls of one step are performed together: the workers are asked once for all attempts that lie on their queue.
const (
	// maxRecalled is how many attempts one question names, and atOnce how many lookups go on side by side.
	maxRecalled = 1000
	atOnce      = 64
)

// recall performs the recalls of a step. Those that may be late are performed beside the steps that follow.
func (a *actor) recall(recalls []machine.Recall) error {
	var late, now []machine.Recall
	for _, c := range recalls {
		if c.Late {
			late = append(late, c)
		} else {
			now = append(now, c)
		}
	}
	if len(late) > 0 {
		a.shard.aside(func() { _, _ = a.shard.recall(a.id, late) })
	}
	retries, err := a.shard.recall(a.id, now)
	if err == nil && len(retries) > 0 {
		a.w.Note(machine.Ready{Retries: retries})
	}
	return err
}

// dismiss takes the tasks of a run that has ended off their queues. Nothing depends on it: their results would be refused.
func (a *actor) dismiss(fx machine.Effects) {
	if fx.Closed == nil {
		return
	}
	for _, c := range fx.Cancels {
		a.shard.aside(func() {
			if err := a.shard.store.RemoveActivities(a.shard.ctx, c.Queue, c.Run); err != nil {
				a.shard.log.Debug("the tasks of a run that has ended stay on their queue", "queue", c.Queue, "run_id", c.Run, "error", err)
			}
		})
	}
}

// aside runs f on a goroutine that the shard waits for when it ends.
func (s *shard) aside(f func()) {
	if !s.begin() {
		return
	}
	s.store.Go(func() {
		defer s.end()
		f()
	})
}

// recalled is an attempt that is being recalled, and where it was found: among those that wait for a retry, or on a queue. It is in
// neither when it has ended, or when its time came just now.
type recalled struct {
	machine.Recall

	waiting, lies *protocol.ActivityTask
	held          bool // a worker runs what lies on the queue
}

// recall performs recalls, and returns the attempts that wait from now on.
func (s *shard) recall(workflow string, recalls []machine.Recall) ([]machine.Retry, error) {
	if len(recalls) == 0 {
		return nil, nil
	}
	all := make([]recalled, len(recalls))
	err := s.each(len(all), "find an attempt to recall", func(ctx context.Context, i int) error {
		all[i].Recall = recalls[i]
		return s.find(ctx, workflow, &all[i])
	})
	if err != nil {
		return nil, err
	}
	if err := s.askWhoHolds(all); err != nil {
		return nil, err
	}
	var retries []machine.Retry
	var taken []protocol.ActivityTask
	at := s.time.now()
	for _, c := range all {
		switch {
		case c.waiting != nil && !c.Hold: // one that is to be held waits already, and waits on when its time comes
			retries = append(retries, machine.Retry{Task: *c.waiting, At: at})
		case c.lies != nil && !c.Stay && !c.held:
			taken = append(taken, *c.lies)
			retries = append(retries, machine.Retry{Task: machine.Recalled(*c.lies), At: c.due(at)})
		case c.waiting == nil && c.lies == nil && c.Lost != nil:
			retries = append(retries, machine.Retry{Task: machine.Recalled(*c.Lost), At: at})
		}
	}
	// First the attempts that come in their place are stored: a node that dies in between leaves two of them, and never none.
	if err := s.dispatch(machine.Effects{}, retries, workflow, false); err != nil {
		return nil, err
	}
	return retries, s.each(len(taken), "take an attempt off its queue", func(ctx context.Context, i int) error {
		return s.store.RemoveActivity(ctx, taken[i])
	})
}

// due is when an attempt comes back that was taken off its queue.
func (c *recalled) due(now time.Time) time.Time {
	if c.Hold {
		return machine.Held(now)
	}
	return now
}

// find looks where an attempt is.
func (s *shard) find(ctx context.Context, workflow string, c *recalled) (err error) {
	if c.Drop != 0 {
		if err := s.store.DropHeartbeat(ctx, c.Run, c.ScheduledID, c.Drop); err != nil {
			return err
		}
	}
	if c.waiting, _, err = s.store.Retry(ctx, s.id, workflow, c.Run, c.ScheduledID); err != nil || c.waiting != nil {
		return err
	}
	for _, queue := range c.Queues {
		if c.lies, err = s.store.QueuedActivity(ctx, queue, c.Run, c.ScheduledID); err != nil || c.lies != nil {
			return err
		}
	}
	return nil
}

// askWhoHolds asks the workers of each queue which of the attempts on it they run.
func (s *shard) askWhoHolds(all []recalled) error {
	type question struct {
		queue string
		why   protocol.StopReason
	}
	asked := map[question][]*recalled{}
	var questions []question
	for i := range all {
		if c := &all[i]; c.lies != nil && !c.Stay {
			q := question{c.lies.Queue, c.Stop}
			if asked[q] == nil {
				questions = append(questions, q)
			}
			asked[q] = append(asked[q], c)
		}
	}
	for _, q := range questions {
		for some := range slices.Chunk(asked[q], maxRecalled) {
			attempts := make([]protocol.ActivityAttempt, len(some))
			for i, c := range some {
				attempts[i] = protocol.ActivityAttempt{ScheduledID: c.ScheduledID, Number: c.lies.Number()}
			}
			err := s.persist("ask who runs an activity", func(ctx context.Context) error {
				held, err := s.store.RecallActivities(ctx, q.queue, some[0].Run, attempts, q.why)
				for i, c := range some {
					c.held = slices.Contains(held, attempts[i])
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// each calls f for 0 to n-1, several at once, each until it works.
func (s *shard) each(n int, what string, f func(ctx context.Context, i int) error) error {
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range n {
		g.Go(func() error {
			return s.persist(what, func(ctx context.Context) error { return f(ctx, i) })
		})
	}
	return g.Wait()
}
