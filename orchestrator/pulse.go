package orchestrator

import (
	"context"
	"sync"
	"time"
)

const (
	// pulseEvery is how often a node makes sure that it runs, and standstill for how long it has not run when it believes nothing any more
	// that it knew before. A sender's patience with the owner of a shard is longer: who was heard before that still waits for the answer.
	pulseEvery = 500 * time.Millisecond
	standstill = 1250 * time.Millisecond
	// unheard is how long a node may have heard nothing of what it says to itself through NATS. It is less than the patience of a sender,
	// and than others need to find that the node is gone.
	unheard = 1750 * time.Millisecond
	// unsure is how long is waited between two looks whether the node is sure again.
	unsure = 50 * time.Millisecond
)

// pulse notices that the process stood still: it was stopped, or its machine was. Meanwhile another node may have taken its shards, and
// what lies in its sockets is old. History is safe from such a node, since its appends fail: but only as long as it does not read what
// came after. A request that its sender has sent through the inbox in the meantime, and was told is refused, would be taken, whether it
// came directly or lay in the inbox as well; and a row that it had not stored yet would replace a newer one. So a node that stood still
// takes nothing direct, no step, and stores no rows until it has looked who owns what. The same goes for a node that runs, and whose
// network stood still, in one direction or both: it speaks to itself through NATS, and what reaches it late has waited before what it said.
// A pulse that is nil is always sure.
type pulse struct {
	stood func() // is told that the process stood still

	mu     sync.Mutex
	last   time.Time // when it beat last
	timer  *time.Timer
	doubts int // how often it has stood still since the node was last sure

	echo   func() bool // whether the node hears what it says to itself; nil while there is nobody who could take its shards
	asking bool
	heard  time.Time // when it said what it heard last
}

func newPulse(stood func()) *pulse {
	p := &pulse{stood: stood, last: time.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(pulseEvery, p.beat)
	return p
}

func (p *pulse) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.feel()
	if p.echo != nil && !p.asking {
		p.asking = true
		go p.listen(p.echo)
	}
	p.timer.Reset(pulseEvery)
}

// speak has the node speak to itself from now on, or no longer.
func (p *pulse) speak(echo func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.echo == nil {
		p.heard = time.Now()
	}
	p.echo = echo
}

// listen hears the node once. If that took too long, what came before it is old.
func (p *pulse) listen(echo func() bool) {
	said := time.Now()
	heard := echo()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asking = false
	if !heard {
		return
	}
	if p.deaf() {
		p.doubts++
		p.stood()
	}
	p.heard = said
}

// deaf reports whether the node has not heard itself for too long. The lock is held.
func (p *pulse) deaf() bool { return p.echo != nil && time.Since(p.heard) > unheard }

// feel looks how long it is since somebody looked last. Whoever comes first after a standstill notices it. The lock is held.
func (p *pulse) feel() {
	now := time.Now()
	if now.Sub(p.last) > standstill {
		p.doubts++
		p.stood()
	}
	p.last = now
}

// sure reports whether the node may go by what it knows.
func (p *pulse) sure() bool {
	if p == nil {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.feel()
	return p.doubts == 0 && !p.deaf()
}

// await waits until the node is sure, or ctx ends.
func (p *pulse) await(ctx context.Context) {
	for ctx.Err() == nil && !p.sure() {
		select {
		case <-time.After(unsure):
		case <-ctx.Done():
		}
	}
}

// doubt returns what trust wants to be told, once the node has looked around: how often it had stood still before it began to look.
func (p *pulse) doubt() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.feel()
	return p.doubts
}

// trust makes the node sure again, unless it has stood still once more.
func (p *pulse) trust(doubts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doubts == doubts {
		p.doubts = 0
	}
}

func (p *pulse) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.echo = nil
	p.timer.Stop()
}
