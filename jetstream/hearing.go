package jetstream

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// A query without a reading. That a step was recorded stays true for ever, so whoever once read that it was the last one, or was told so by
// the verdict on a signal or an update, need only know whether another has followed. The worker that took it knows of every one that it
// takes itself. Of one that it does not take, because it was busy or given up for dead, or because the run was ended from outside, the node
// tells it that is about to record that one, on the subject of the questions, and the node goes on only when the server has that message.
//
// With one server that proves something. The message is in what the server has for the worker before the record is stored, and a question
// that is asked after that comes behind it. So a worker that has lost nothing since (see [protocol.Hearing]), and still has the run, has
// the run as the last record left it. What may break the chain, and is looked after:
//
//   - The worker's connection was lost: what was sent to it meanwhile is gone. Its hearing is another one then.
//   - The node's connection was lost between the message and the record, which the library sends again, and the message not: see Overtake.
//   - There are several servers: what comes on two ways comes in any order. Only who is connected to the one server that has the streams
//     believes a worker, and only one that says that it has heard everything through that same server.
//   - Somebody in the worker has the run taken out of the cache when the message comes: package worker looks after that.

// Hearing is the stretch of time in which nothing has been lost that was sent to this connection.
func (s *Store) Hearing() protocol.Hearing {
	if s.nc.ConnectedClusterName() != "" {
		return protocol.Hearing{}
	}
	return protocol.Hearing{Server: s.nc.ConnectedServerId(), Stretch: s.nc.Stats().Reconnects}
}

// Overtake tells the worker that has a run in its cache, as the workflow's last step left it, what q says: a record is to be stored that
// the cache has no part in. Once it returns, whatever is asked after the record was stored comes to the worker after this.
//
// It asks the stream for something only to hear from the server that has it, on the way that the record will take, that the message is
// through. If the connection was another one at the end, the message may have been lost with the old one.
func (s *Store) Overtake(ctx context.Context, shard int, worker string, q protocol.QueryTask) error {
	data, err := protocol.Marshal(q)
	if err != nil {
		return err
	}
	for {
		before := s.nc.Stats().Reconnects
		if err := s.nc.PublishMsg(&nats.Msg{Subject: s.ns.Queries(worker), Data: protocol.Pack(data)}); err != nil {
			return wrap(err)
		}
		if _, err := s.Last(ctx, shard, q.Workflow); err != nil {
			return err
		}
		if err := s.refused("Publish", s.ns.Queries("")); err != nil {
			return err // better not to go on than to leave the worker in the belief that it knows
		}
		if s.nc.Stats().Reconnects == before {
			return nil
		}
	}
}

// believe asks nobody but the worker, if that would have heard of a step after the last one that is remembered. Where a step is taken
// between any two questions that would be in vain, and history would be read only after the worker has answered.
func (a *asking) believe(ctx context.Context, last kept) bool {
	if !last.rests || a.tell(last.keeper) != nil {
		return false
	}
	a.last = &last.lastRecord
	return a.await(ctx) && a.heard()
}

// heard reports whether the worker answered as the last record left the run, and would have heard of a later one, were there one.
func (a *asking) heard() bool {
	if a.last == nil || a.answer == nil || a.answer.Nonce != a.last.nonce {
		return false
	}
	server := a.s.nc.ConnectedServerId()
	return server != "" && a.answer.HeardOn == server && a.s.alone.knows(server)
}

// remember leaves what was found out to the next query.
func (a *asking) remember(before kept) {
	now := kept{lastRecord: *a.last}
	if a.heard() {
		now.rests = now.lastRecord == before.lastRecord
	} else {
		now.nonce = ""
	}
	a.s.keepers.note(a.workflow, now)
}
