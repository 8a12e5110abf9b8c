package orchestrator

import (
	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/protocol"
)

// A shard that is given up in good order goes from hand to hand. Its owner says what its successor would have to ask NATS for, one thing
// after the other: that what follows from all records was done, and up to where inbox and timers were handled. It does so when nothing of
// the shard runs any more, and leaves it to its successor to remove what was handled and to store how far the shard has come. So the shard
// stands still for as long as two consumers are made.
//
// The lease is the successor's from then on, by a compare-and-set on that of the node before. Whoever does not take the baton, or does not
// answer, leaves it to be given up as ever: the lease is removed, and whoever finds that takes stock.

// baton is what the shard's next owner needs to know. It is there only if nothing is left to find out: all records are known to have had
// their effects.
func (s *shard) baton() (b protocol.Baton, ok bool) {
	last, ok := s.ledger.settled()
	ok = ok && s.ctx.Err() == nil
	return protocol.Baton{
		Shard: s.id, Effects: last, Inbox: s.inbox.upTo(), Timers: s.timers.upTo(), Server: s.server, Losses: s.losses,
	}, ok
}

// inherit takes the shard from the hands of another node. lease makes it this node's for the others to see. Until it is, nothing is taken
// directly: should it be somebody else's by now, that one hears what is sent to the shard.
func (s *shard) inherit(b protocol.Baton, lease func() error) error {
	s.progress, s.server = protocol.Progress{Effects: b.Effects, Server: b.Server}, b.Server
	s.losses = b.Losses
	s.ledger.inherit(b.Effects)
	s.inbox.begin(b.Inbox)
	s.timers.begin(b.Timers)
	var g errgroup.Group
	g.Go(lease)
	g.Go(s.read)
	var gone uint64
	g.Go(func() (err error) {
		gone, err = s.askInbox()
		return err
	})
	err := g.Wait()
	if err == nil {
		err = s.listen()
	}
	if err != nil {
		s.drop()
		return err
	}
	if b.Inbox > gone {
		s.inbox.owe(b.Inbox)
	}
	if b.Timers > 0 {
		s.timers.owe(b.Timers)
	}
	s.begun()
	return nil
}
