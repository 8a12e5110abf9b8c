package jetstream

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// A direct input may lie in the socket of a server that stands still, while its sender connects to another one and tells the inbox. When it
// arrives in the end it is old: it may have been refused meanwhile, which leaves no trace, and would be taken now. So each says when it was
// sent, and an owner refuses what is as old as a sender's patience. Clocks need not agree: an owner that refuses for that reason says what
// time it is, and the sender goes by that from then on. Whose clock is wrong goes through the inbox once.
const (
	// clocksDiffer is how much later or earlier it may be for a sender than for an owner.
	clocksDiffer = 500 * time.Millisecond
	// oldest is how old a direct input may seem to be.
	oldest = directPatience - clocksDiffer
)

// ownersTime tells how much later it is for the owners of shards than for this machine, as far as one of them has said so.
type ownersTime struct{ later atomic.Int64 }

// stamp says in a direct input that it is sent now.
func (o *ownersTime) stamp(header nats.Header) {
	header.Set(protocol.HeaderSent, clock(time.Now().Add(time.Duration(o.later.Load()))))
}

// hear takes note of what time it is for the owner that has answered, if it says so.
func (o *ownersTime) hear(answer *nats.Msg) {
	if theirs, err := readClock(answer.Header.Get(protocol.HeaderTime)); err == nil {
		o.later.Store(int64(time.Until(theirs)))
	}
}

// old reports whether a direct input may have been decided elsewhere by now. One that does not say when it was sent is of an older version.
func old(header nats.Header) bool {
	sent := header.Get(protocol.HeaderSent)
	if sent == "" {
		return false
	}
	at, err := readClock(sent)
	age := time.Since(at)
	return err != nil || age > oldest || age < -clocksDiffer
}

// oldAnswer refuses an input that is old.
func oldAnswer(reply string) *nats.Msg {
	m := notTakenAnswer(reply)
	m.Header.Set(protocol.HeaderTime, clock(time.Now()))
	return m
}

// clock is a moment in milliseconds since 1970.
func clock(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

func readClock(text string) (time.Time, error) {
	ms, err := strconv.ParseInt(text, 10, 64)
	return time.UnixMilli(ms), err
}
