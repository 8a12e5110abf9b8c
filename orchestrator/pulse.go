package orchestrator

import (
	"sync"
	"time"
)

const (
	// pulseEvery is how often a node makes sure that it runs, and standstill for how long it has not run when it believes nothing any more
	// that it knew before. A sender's patience with the owner of a shard is longer: who was heard before that still waits for the answer.
	pulseEvery = 500 * time.Millisecond
	standstill = 1250 * time.Millisecond
)

// pulse notices that the process stood still: it was stopped, or its machine was. Meanwhile another node may have taken its shards, and
// what lies in its sockets is old. History is safe from such a node, since its appends fail. But a direct request that its sender has sent
// through the inbox in the meantime, and was told is refused, would be taken; and a row that it had not stored yet would replace a newer
// one. So a node that stood still takes nothing direct and stores no rows until it has looked who owns what. A pulse that is nil is always
// sure.
type pulse struct {
	stood func() // is told that the process stood still

	mu     sync.Mutex
	last   time.Time // when it beat last
	timer  *time.Timer
	doubts int // how often it has stood still since the node was last sure
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
	p.timer.Reset(pulseEvery)
}

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
	return p.doubts == 0
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

func (p *pulse) end() { p.timer.Stop() }
