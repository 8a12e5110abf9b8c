package jetstream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// storePatience is how long an inbox may take to say that it has stored a request before it is sent once more: a message that was on
	// its way to a leader that died is lost, and a stream has a new leader after some seconds.
	storePatience = 2 * time.Second
	// storePause is how long nothing is sent to an inbox that has no leader.
	storePause = 250 * time.Millisecond
)

// askInbox stores the input, and waits for the verdict. That the owner has taken the direct request counts as well, if it left a trace:
// else what lies in the inbox is decided once more, and perhaps otherwise.
func (s *Store) askInbox(
	ctx context.Context, workflow string, body protocol.InputBody, id string, direct <-chan *nats.Msg,
) (protocol.Verdict, error) {
	for {
		v, again, err := s.askUnder(ctx, workflow, body, id, direct)
		if !again {
			return v, err
		}
		// The same request was stored before: by this call, which did not hear of it in time, or by a caller that is gone, and with a reply
		// subject that nobody listens to. The workflow knows the request by the ID in its body; only the message needs another one.
		id += "." + nuid.Next()
	}
}

// askUnder is askInbox under a message ID. again says that a message of this ID was stored before.
func (s *Store) askUnder(
	ctx context.Context, workflow string, body protocol.InputBody, id string, direct <-chan *nats.Msg,
) (v protocol.Verdict, again bool, err error) {
	verdicts, err := s.mux.open(verdictsKept)
	if err != nil {
		return v, false, err
	}
	defer verdicts.close()
	msg, err := s.inputMsg(workflow, body, id, verdicts.to)
	if err != nil {
		return v, false, err
	}
	for {
		before := s.stored[s.shard(workflow)].Load()
		future, err := s.js.PublishMsgAsync(msg)
		if err != nil {
			return v, false, wrap(err)
		}
		v, f, err := s.awaitVerdict(ctx, workflow, before, future, verdicts.heard, direct)
		if f != nothing {
			return v, f == duplicate, err
		}
	}
}

// fate is what became of a request that was sent to an inbox.
type fate int

const (
	nothing   fate = iota // it may be lost
	duplicate             // it is stored already
	outcome               // a verdict, or an error
)

func (s *Store) awaitVerdict(
	ctx context.Context, workflow string, before uint64, future natsjs.PubAckFuture, verdicts, direct <-chan *nats.Msg,
) (v protocol.Verdict, f fate, err error) {
	stored := false
	ok := future.Ok()
	lost := time.NewTimer(storePatience)
	defer lost.Stop()
	for {
		select {
		case m := <-verdicts:
			v, err = verdict(m)
			return v, outcome, err
		case m := <-direct: // when patience had ended
			if v, err = verdict(m); !notTaken(m) && err == nil && leavesTrace(v) {
				return v, outcome, nil
			}
		case ack := <-ok:
			s.stored.note(s.shard(workflow), before, ack)
			if ack.Duplicate {
				return v, duplicate, nil
			}
			stored, ok = true, nil
			lost.Stop()
		case err := <-future.Err():
			if !leaderless(err) {
				return v, outcome, wrap(err)
			}
			lost.Reset(storePause)
		case <-lost.C:
			return v, nothing, nil
		case <-ctx.Done():
			if !stored || ctx.Err() == context.Canceled {
				return v, outcome, wrap(context.Cause(ctx))
			}
			return v, outcome, protocol.Errorf(protocol.CodeTimeout, "the request is stored, but no orchestrator has handled it in time").
				WithHint("check that an orchestrator runs (`nats micro ls`); asking again with the same request ID is safe")
		}
	}
}

// leaderless reports whether an error of a publish says that the stream has no leader just now, or that the connection is being made anew.
func leaderless(err error) bool {
	return hasNoLeader(err) || again(err) || errors.Is(err, natsjs.ErrAsyncPublishTimeout)
}

// leavesTrace reports whether history knows of what was accepted. It does not know of an update that the workflow's code refused, nor of a
// start that found its run.
func leavesTrace(v protocol.Verdict) bool {
	return !v.Existing && (v.Update == nil || v.Update.Stage != protocol.UpdateRejected)
}
