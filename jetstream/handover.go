package jetstream

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// HandOver gives a worker attempts that it said it takes. Whether they arrive is found out later, with [Store.StillHas].
func (s *Store) HandOver(queue, worker string, h protocol.HandOver) error {
	data, err := protocol.Marshal(&h)
	if err != nil {
		return err
	}
	return wrap(s.nc.Publish(s.ns.HandOvers(queue, worker), protocol.Pack(data)))
}

// handOverWait is how long a worker has to say whether it still has an attempt.
const handOverWait = 2 * time.Second

// StillHas asks a worker whether it still has an attempt that was handed to it. One that says no will not begin it either. A worker
// whose connection is gone, or that is frozen, has it no more.
func (s *Store) StillHas(ctx context.Context, task protocol.ActivityTask) (bool, error) {
	a := protocol.ActivityAttempt{ScheduledID: task.ScheduledID, Number: task.Number()}
	data, err := protocol.Marshal(protocol.HandOver{Run: task.Run, Ask: []protocol.ActivityAttempt{a}})
	if err != nil {
		return false, err
	}
	answers, err := s.mux.open(1)
	if err != nil {
		return false, err
	}
	defer answers.close()
	if err := s.nc.PublishRequest(s.ns.HandOvers(task.Queue, task.HandedTo), answers.to, data); err != nil {
		return false, wrap(err)
	}
	patience := time.NewTimer(handOverWait)
	defer patience.Stop()
	select {
	case m := <-answers.heard:
		var answer protocol.ActivityHeld
		return !noResponders(m) && decode(m.Data, &answer) && len(answer.Held) > 0, nil
	case <-patience.C:
		return false, s.flush() // silence counts only if the server was there
	case <-ctx.Done():
		return false, wrap(ctx.Err())
	}
}

// OnHandOver calls give for the attempts that a worker is handed, and ask for those that it is asked about, of which it returns the ones
// that it still has. Neither may block. It ends when stop is called.
func (s *Store) OnHandOver(
	queue, worker string, give func(protocol.HandOver),
	ask func(run string, attempts []protocol.ActivityAttempt) []protocol.ActivityAttempt,
) (stop func(), err error) {
	return s.subscribe(s.ns.HandOvers(queue, worker), "", func(m *nats.Msg) {
		var h protocol.HandOver
		if unpack(m.Data, &h) != nil {
			return // the attempt is missed, and goes to the queue
		}
		if m.Reply == "" {
			give(h)
			return
		}
		_ = s.answerJSON(m.Reply, protocol.ActivityHeld{Held: ask(h.Run, h.Ask)})
	})
}
