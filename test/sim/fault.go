package sim

import (
	"fmt"
	"math/rand/v2"
)

// fault is a kind of thing that goes wrong.
type fault int

// What can go wrong. Each is drawn wherever it can happen.
const (
	crash        fault = iota // a node dies, before or after something that it asked for
	usurpation                // another node takes a shard whose owner lives on
	handover                  // a node gives its shard to another one
	freeze                    // a node stands still, and comes back
	lostRequest               // a request does not arrive
	lostAnswer                // it does, and its answer does not
	delay                     // a message takes long
	duplicate                 // a message that is not stored comes twice
	lostMessage               // or not at all
	stale                     // a follower has not heard of the last messages
	spurious                  // 10164, though nothing is in flight
	stall                     // a stream commits nothing for a while
	election                  // a stream has a new leader, who has not got what was in flight
	lateTimer                 // the server is late
	workerCrash               // a worker dies
	workerSilent              // a worker takes a step and says nothing
	workerBusy                // a worker refuses a step, or has forgotten its runs
	redelivery                // a task is given to another worker though the first one lives
	clientGone                // a client hears no answer, and never asks again
	faults                    // how many kinds there are
)

var faultNames = [faults]string{
	"crash", "usurpation", "handover", "freeze", "lost request", "lost answer", "delay", "duplicate", "lost message", "stale read",
	"spurious 10164", "stall", "election", "late timer", "worker crash", "worker silent", "worker busy", "redelivery", "client gone",
}

// String names the fault.
func (f fault) String() string { return faultNames[f] }

// misfortune decides what goes wrong. It draws from a source of its own, and numbers what happened, so that a scenario can leave out
// single faults.
type misfortune struct {
	rng    *rand.Rand
	chance [faults]float64
	most   int // faults
	spared map[int]bool
	n      int
	over   bool
	note   func(string)
}

// newMisfortune makes up how much of what goes wrong. A world in which everything goes wrong at once tests little: most kinds are rare or
// absent, and some frequent.
func newMisfortune(rng *rand.Rand, spared map[int]bool, note func(string)) *misfortune {
	m := &misfortune{rng: rng, spared: spared, note: note, most: 5 + rng.IntN(30)}
	for f := range faults {
		m.chance[f] = []float64{0, 0, 0.01, 0.05, 0.2}[rng.IntN(5)]
		switch f {
		case crash, usurpation, handover, freeze, workerCrash:
			m.chance[f] /= 4
		case election, stall:
			m.chance[f] /= 2
		default:
		}
	}
	if rng.IntN(3) == 0 { // what needs two kinds of bad luck at once is rare among nineteen
		var two [faults]float64
		for _, f := range rng.Perm(int(faults))[:2] {
			two[f] = max(m.chance[f], 0.1)
		}
		m.chance = two
	}
	return m
}

// strikes draws whether a fault happens.
func (m *misfortune) strikes(f fault, about string) bool {
	if m.over || m.chance[f] == 0 {
		return false
	}
	if m.rng.Float64() >= m.chance[f] {
		return false
	}
	m.n++
	if m.n >= m.most {
		m.over = true
	}
	if m.spared[m.n] {
		return false
	}
	m.note(fmt.Sprintf("FAULT %d %s: %s", m.n, f, about))
	return true
}
