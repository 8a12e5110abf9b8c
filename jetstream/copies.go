package jetstream

import (
	"context"
	"errors"
	"sync"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// Of three copies of a stream one may lack what the two others have: a file was damaged while its server was down. NATS notices when it
// reads the file, lets go of what it cannot read, and fetches it from nobody (nats-server 2.15.2). While that server leads the stream, what
// was acknowledged and lies on two disks is not to be had.
//
// So whoever asks the leader for something that must be there, and is told that it is not, asks the others too, one after the other: a
// leader can be told which one is to follow it.

const (
	// moveEvery is how often a store has another copy lead in vain in the long run, and movesAtOnce how often it does so one after the
	// other. What was removed in all order is missed as well, by whoever has kept a reference to it.
	moveEvery   = time.Minute
	movesAtOnce = 6
	// searchFor is how long one thing may be looked for.
	searchFor = 15 * time.Second
	// electionPause is how often it is looked whether a stream has a leader again.
	electionPause = 50 * time.Millisecond
)

// copies knows which servers were found to lack something.
type copies struct {
	mu    sync.Mutex
	lacks map[string]int // how often, by the server's name
	busy  time.Time      // the moves in vain so far were as many as there may be until then
	told  map[loss]bool

	report func(*protocol.Error) // may be nil
}

// loss says that a server has lost a part of a stream.
type loss struct{ stream, server string }

// OnLoss has report told, once of each, when a server was found to have lost a part of a stream that another one has. It must be called
// before anything is read.
func (s *Store) OnLoss(report func(*protocol.Error)) { s.copies.report = report }

// copied is who has the copies of a stream.
type copied struct {
	leader string
	others []string // those that are up to date first
}

// fromAnyCopy calls look, which asks the leader of a stream for what must be there, until it is found or no copy has it.
func (s *Store) fromAnyCopy(ctx context.Context, stream string, look func() (found bool, err error)) (found bool, err error) {
	if found, err = look(); found || err != nil {
		return found, err
	}
	ctx, cancel := context.WithTimeout(ctx, searchFor)
	defer cancel()
	moves, lacking := 0, make(map[string]bool)
	defer func() {
		if found {
			s.copies.found(stream, lacking, moves)
		}
	}()
	for ctx.Err() == nil {
		before, known := s.whoHas(ctx, stream)
		if !known || len(before.others) == 0 {
			return false, nil
		}
		if found, err = look(); errors.Is(err, protocol.ErrUnavailable) {
			pause(ctx, electionPause)
			continue // the next leader is being elected
		}
		if found || err != nil {
			return found, err
		}
		now, known := s.whoHas(ctx, stream)
		if !known || now.leader != before.leader {
			continue // nobody knows who was asked
		}
		lacking[now.leader] = true
		s.copies.note(now.leader)
		next := s.copies.best(now.others, lacking)
		if next == "" || !s.copies.may(time.Now()) {
			return false, nil
		}
		moves++
		if err := s.move(ctx, stream, next); errors.Is(err, protocol.ErrUnauthorized) {
			return false, nil
		} // else it was told, or somebody else was faster
	}
	return false, nil
}

// pause waits for a while, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// whoHas finds out who has the copies of a stream, once one of them leads it.
func (s *Store) whoHas(ctx context.Context, stream string) (has copied, known bool) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	for ctx.Err() == nil {
		info, err := s.info(ctx, stream)
		switch {
		case err != nil:
			return copied{}, false
		case info.Cluster == nil:
			return copied{}, true
		case info.Cluster.Leader != "":
			return copiedBy(info.Cluster), true
		}
		pause(ctx, electionPause)
	}
	return copied{}, false
}

func copiedBy(c *natsjs.ClusterInfo) copied {
	has := copied{leader: c.Leader}
	for _, current := range []bool{true, false} { // a new leader has not heard of all of them yet
		for _, r := range c.Replicas {
			if r.Current == current && !r.Offline {
				has.others = append(has.others, r.Name)
			}
		}
	}
	return has
}

// preferred says whom a leader is to be followed by.
type preferred struct {
	Placement struct {
		Preferred string `json:"preferred"`
	} `json:"placement"`
}

// move has another server lead a stream.
func (s *Store) move(ctx context.Context, stream, to string) error {
	var req preferred
	req.Placement.Preferred = to
	return s.call(ctx, "STREAM.LEADER.STEPDOWN."+stream, req)
}

// note counts that a server lacks something.
func (c *copies) note(server string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lacks == nil {
		c.lacks = make(map[string]int)
	}
	c.lacks[server]++
}

// best is the server that has lacked the least so far, among those that were not asked yet; "" when there is none.
func (c *copies) best(servers []string, asked map[string]bool) (best string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, server := range servers {
		if !asked[server] && (best == "" || c.lacks[server] < c.lacks[best]) {
			best = server
		}
	}
	return best
}

// found reports which servers lack what another has, and takes the moves that led to it for none: they were not in vain.
func (c *copies) found(stream string, lacking map[string]bool, moves int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = c.busy.Add(-time.Duration(moves) * moveEvery)
	if c.told == nil {
		c.told = make(map[loss]bool)
	}
	for server := range lacking {
		l := loss{stream, server}
		if !c.told[l] && c.report != nil {
			c.report(protocol.Errorf(protocol.CodeCorrupt,
				"%s has lost part of the stream %s; another server has it, and leads it now", server, stream).
				WithHint("stop it, remove its directory and start it: it fetches everything from the others"))
		}
		c.told[l] = true
	}
}

// may reports whether another copy may be made to lead now.
func (c *copies) may(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy.Before(now) {
		c.busy = now
	}
	if c.busy.Sub(now) > (movesAtOnce-1)*moveEvery {
		return false
	}
	c.busy = c.busy.Add(moveEvery)
	return true
}
