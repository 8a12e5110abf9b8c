package traffic

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic/verdict"
	"github.com/millrace-dev/millrace/protocol"
)

const (
	// tryFor is how long a try waits for its answer.
	tryFor = 10 * time.Second
	// forget is how long a request is repeated that may be about a run which others follow: a node knows it again for a minute.
	forget = 40 * time.Second
	// forever is for requests that are known for as long as their run is the latest.
	forever = time.Duration(1<<63 - 1)
)

// ask makes a call, and repeats it under the same ID for as long as its error says that this is safe, until patience ends or ctx does. It
// keeps what was heard.
func (l *load) ask(
	ctx context.Context, c verdict.Call, patience time.Duration, try func(ctx context.Context, c *verdict.Call) error,
) verdict.Call {
	c.Shard = protocol.Shard(c.Workflow, l.shards)
	if c.Begun == 0 {
		c.Begun = l.now()
	}
	for gap := retry; ; gap = min(2*gap, time.Second) {
		c.Tries++
		err := l.try(ctx, &c, try)
		if c.Answer = answer(err, c.Tries); err == nil {
			break
		}
		c.Code, c.Error = code(err), err.Error()
		again := repeatable(err) || c.Op == verdict.OpQuery && unready(err)
		if !again || l.now()-c.Begun > patience || pause(ctx, gap) != nil {
			break
		}
	}
	c.Ended = l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, c)
	return c
}

func (l *load) try(ctx context.Context, c *verdict.Call, try func(context.Context, *verdict.Call) error) error {
	if c.Op != verdict.OpWait {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, tryFor)
		defer cancel()
	}
	return try(ctx, c)
}

// answer says what an error means. A refusal means nothing if an earlier try was left open: that one may have been taken.
func answer(err error, tries int) verdict.Answer {
	switch {
	case err == nil:
		return verdict.Acked
	case tries > 1, repeatable(err), errors.Is(err, context.Canceled):
		return verdict.Unknown
	}
	return verdict.Refused
}

// repeatable reports whether an error says that asking again, under the same ID, is safe and sensible.
func repeatable(err error) bool {
	return errors.Is(err, protocol.ErrTimeout) || errors.Is(err, protocol.ErrUnavailable) || errors.Is(err, protocol.ErrNoOrchestrator) ||
		errors.Is(err, context.DeadlineExceeded)
}

// unready reports whether a query came when no code was there to answer it.
func unready(err error) bool {
	c := code(err)
	return c == protocol.CodeNotReady || c == protocol.CodeNoWorker
}

// code is that of an error, also of one that workflow code has returned.
func code(err error) protocol.Code {
	switch {
	case errors.Is(err, protocol.ErrRejected):
		return verdict.CodeRejected
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return protocol.CodeTimeout
	}
	return protocol.AsError(err).Code
}

// statusOf is how a run ended that whoever waited for it got this error of; empty when it did not end.
func statusOf(err error) protocol.Status {
	var f *protocol.Failure
	switch {
	case err == nil:
		return protocol.StatusCompleted
	case !errors.As(err, &f):
		return ""
	case f.Canceled != nil:
		return protocol.StatusCanceled
	case f.Terminated != nil:
		return protocol.StatusTerminated
	case f.Timeout != nil:
		return protocol.StatusTimedOut
	}
	return protocol.StatusFailed
}

// text is a value as JSON.
func text(v any) json.RawMessage {
	data, err := protocol.Marshal(v)
	if err != nil {
		return json.RawMessage(err.Error())
	}
	return data
}
