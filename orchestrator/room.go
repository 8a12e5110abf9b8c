package orchestrator

import (
	"context"
	"sync"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// maxInWork is the most messages of a shard that are in work at once, and maxInWorkBytes the size beyond which no other one is taken.
	// Then the inbox is not read: a backlog of a million starts waits in the stream, not in this node's memory.
	maxInWork      = 2048
	maxInWorkBytes = 8 << 20
)

// room is how much of a shard's messages is in work, and how much may be. A quarter of it is not for starts, nor for steps that waited for
// a worker: what runs that are under way wait for finds room while others queue up. What comes directly does not wait for room, and starts
// do not overtake those who do.
type room struct {
	most, mostBytes int

	mu       sync.Mutex
	messages int
	bytes    int
	waiting  int
	left     chan struct{} // closed when those who wait may look again; nil when nobody does
}

func newRoom() *room { return &room{most: maxInWork, mostBytes: maxInWorkBytes} }

// try takes room for a message, if there is enough.
func (r *room) try(queues bool, size int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !(queues && r.waiting > 0) && r.take(queues, size)
}

// enter waits for room for a message. It reports false when ctx ends first.
func (r *room) enter(ctx context.Context, queues bool, size int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting++
	defer func() { r.waiting-- }()
	for ctx.Err() == nil {
		if r.take(queues, size) {
			return true
		}
		if r.left == nil {
			r.left = make(chan struct{})
		}
		left := r.left
		r.mu.Unlock()
		select {
		case <-left:
		case <-ctx.Done():
		}
		r.mu.Lock()
	}
	return false
}

// take takes room. The last message may exceed it, since one that is larger than all of the room must find its way as well. The lock is
// held.
func (r *room) take(queues bool, size int) bool {
	most, bytes := r.most, r.mostBytes
	if queues {
		most, bytes = most/4*3, bytes/4*3
	}
	if r.messages >= most || r.bytes >= bytes {
		return false
	}
	r.messages++
	r.bytes += size
	return true
}

// leave gives a message's room back.
func (r *room) leave(size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages--
	r.bytes -= size
	if r.left != nil {
		close(r.left)
		r.left = nil
	}
}

// scarce reports whether half of the room is taken.
func (r *room) scarce() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.messages >= r.most/2 || r.bytes >= r.mostBytes/2
}

// queues reports whether an input is about a run that waits for its turn: it is to begin, or a worker has been found for its step.
func queues(in protocol.Input) bool { return starts(in) || in.Body.InputKind() == protocol.KindReady }

// starts reports whether an input asks for a run that no other run waits for.
func starts(in protocol.Input) bool { return in.Body.InputKind() == protocol.KindStart }
