package orchestrator

import (
	"context"
	"errors"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/protocol"
)

// takeStock finds out what others left behind: records whose effects nobody may have performed, and messages that must be handled
// before anything comes directly.
func (s *shard) takeStock() error {
	// First how far the owners before had come: whoever does not know that this node takes the shard may still come further.
	if err := s.askProgress(); err != nil {
		return err
	}
	var end uint64
	var tails protocol.Tails
	var g errgroup.Group
	g.Go(func() (err error) {
		end, err = s.store.HistoryEnd(s.ctx, s.id)
		return err
	})
	g.Go(func() (err error) {
		tails, err = s.store.Tails(s.ctx, s.id)
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if err := s.missTails(end, tails); err != nil {
		return err
	}
	gone, err := s.askInbox()
	if err != nil {
		return err
	}
	s.ledger.begin(s.progress, end)
	s.inbox.begin(gone)
	return nil
}

// askProgress asks how far the owners before had come, and which server has the streams now.
func (s *shard) askProgress() error {
	var g errgroup.Group
	g.Go(func() (err error) {
		s.progress, err = s.store.Progress(s.ctx, s.id)
		if errors.Is(err, protocol.ErrCorrupt) { // every record is looked after, which is harmless
			s.log.Error("ALARM: how far the shard's owner had come cannot be read; its whole history is gone through", "error", err)
			return nil
		}
		return err
	})
	g.Go(func() (err error) {
		s.server, err = s.store.Server(s.ctx)
		return err
	})
	return g.Wait()
}

// askInbox asks what lies in the inbox, and returns up to where it does not any more.
func (s *shard) askInbox() (gone uint64, err error) {
	gone, s.backlog, err = s.store.InboxBounds(s.ctx, s.id)
	return gone, err
}

// missTails compares where the shard's streams end with where they have ended before. Each is flushed to disk on its own, so after a power
// cut each may have lost another part of its end, unless everything is flushed before it is acknowledged; and so it is with a damaged file
// of one of them. Two things follow:
//
//   - What is left of tasks, timers, messages and rows need not be what history says. All records are looked after, and what their
//     workflows need to go on is made anew.
//   - Sequences are given out again. Those of the inbox are how an input is recognised that comes a second time, so the ones that
//     records have consumed are skipped. History needs no such care: a record names the digest of the one before it.
func (s *shard) missTails(end uint64, tails protocol.Tails) error {
	then := s.progress
	consumed := then.Tails.Inbox
	if then.Effects < end {
		upTo, err := s.store.Consumed(s.ctx, s.id, then.Effects+1)
		if err != nil {
			return err
		}
		consumed = max(consumed, upTo)
	}
	then.Tails.Inbox = consumed
	lost := then.Tails.Short(tails)
	if then.Effects > end {
		lost = append(lost, "history")
	}
	if s.losses = len(lost) > 0 || end > 0 && s.server != "" && s.server != then.Server; s.losses {
		if err := s.store.MendQueues(s.ctx); err != nil {
			return err
		}
	}
	if len(lost) == 0 {
		return s.missServer(end, tails)
	}
	s.log.Error("ALARM: the end of a stream is lost; what workflows need to go on is made anew, and what was acknowledged and lost is lost",
		"lost", strings.Join(lost, ", "), "was", then, "is", tails, "history", end)
	if tails.Inbox < consumed {
		if err := s.store.SkipInputs(s.ctx, s.id, consumed); err != nil {
			return err
		}
		tails.Inbox = consumed
	}
	// Stored at once: the streams grow again, and whoever comes next would not see it.
	s.progress = protocol.Progress{Effects: min(then.Effects, end), Recheck: end, Tails: tails, Server: s.server}
	return s.store.PutProgress(s.ctx, s.id, s.progress)
}

// recent is how far back a server that was started anew is not trusted: what it acknowledged in the last moments before it ended may not
// have been flushed. A loss of more than the time between two stores of the progress is noticed by that, so it need not be much longer.
const recent = 3 * ledgerEvery

// missServer has what was stored in the last moments before the server was started anew looked after, as all is when a stream is known to
// have lost its end: the progress is too coarse to tell of each loss. Mostly nothing is found to be missing. Where the shard's owner
// gave it up in good order, and nothing has happened since, there is nothing to look for.
func (s *shard) missServer(end uint64, tails protocol.Tails) (err error) {
	then := s.progress
	quiet := then.Rest && then.Effects == end && then.Tails.Inbox == tails.Inbox && then.Tails.Timers == tails.Timers
	if !s.losses || then.Recheck >= end || quiet {
		return nil
	}
	first, since, err := s.store.HistorySince(s.ctx, s.id, recent)
	if err != nil {
		return err
	}
	s.since = since
	if s.progress.Recheck == 0 {
		s.progress.Since = first - 1
	}
	s.progress.Recheck = end
	return s.store.PutProgress(s.ctx, s.id, s.progress)
}

// reused notes that a sequence of the history was given out a second time, while this node owned the shard: the server was started anew
// and had lost the end of the stream. What is in memory is of records that are gone, so the shard is taken anew.
func (s *shard) reused(seq uint64) {
	s.ledger.freeze()
	s.aside(func() {
		p := protocol.Progress{Effects: seq - 1, Recheck: seq - 1}
		err := s.persist("note that the end of a history is lost", func(ctx context.Context) error {
			return s.store.PutProgress(ctx, s.id, p)
		})
		if err != nil {
			return
		}
		s.log.Error("ALARM: the end of a stream is lost; the shard is taken anew", "lost", "history", "reused", seq)
		s.retake()
	})
}
