package machine

import (
	"cmp"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// A request may come twice: whoever hears no answer sends it again, directly or through the inbox, under the same ID. The run that took
// it knows it again for as long as history has the run. If another run has begun meanwhile, that one must know it as well, or a
// signal would be received twice: so the first record of a run carries the requests that its predecessors have taken lately.

const (
	// rememberFor is how long a request is carried on. Senders are told that it is a minute from when they could have heard. But a step may
	// have taken longer since it took the request, and what was sent in that minute may lie in an inbox that nobody reads for a while.
	rememberFor = 5 * time.Minute
	// rememberMost is how many requests are carried on: the latest.
	rememberMost = 1000
)

// receipt says which run took a request, and when.
type receipt struct {
	run string
	at  time.Time
}

func (r *Run) remember(requestID string) {
	if requestID != "" {
		r.requests.put(requestID, receipt{r.ID(), r.LastTime})
	}
}

// took reports whether the run, or one before it, took a request, and which it was.
func (r *Run) took(requestID string) (run string, ok bool) {
	if r == nil || requestID == "" {
		return "", false
	}
	t, ok := r.requests.get(requestID)
	return t.run, ok
}

func (r *Run) has(requestID string) bool {
	_, ok := r.took(requestID)
	return ok
}

// carry puts what a record carries on into the run that begins with it.
func (r *Run) carry(requests []protocol.TakenRequest) {
	for _, q := range requests {
		r.requests.put(q.ID, receipt{q.Run, q.Time})
	}
}

// lately are the requests to carry on to the next run, in the order in which they were taken.
func (r *Run) lately(now time.Time) []protocol.TakenRequest {
	if r == nil {
		return nil
	}
	since := now.Add(-rememberFor)
	var recent []protocol.TakenRequest
	r.requests.each(func(id string, t receipt) {
		if t.at.After(since) {
			recent = append(recent, protocol.TakenRequest{ID: id, Run: t.run, Time: t.at})
		}
	})
	slices.SortFunc(recent, func(a, b protocol.TakenRequest) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
	})
	return recent[max(0, len(recent)-rememberMost):]
}

// follower is the draft of a run that follows the latest one.
func (t *Turn) follower() *Run {
	t.carried = t.w.Run.lately(t.now)
	r := emptyRun()
	r.carry(t.carried)
	return r
}
