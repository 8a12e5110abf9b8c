// Package collect decides which blobs may be deleted. It is pure: time is an argument, and what it is told comes from its caller.
//
// A blob lives as long as a message refers to it, and for a grace period beyond. A [Pass] is told which blobs there are, then what is
// referred to, and says which ones can go. Their names are texts, so whoever reads a message finds what it refers to.
//
// # Why nothing is deleted that is needed
//
// A pass deletes a blob if it was old when it was listed, no place that was read afterwards refers to it, and it was not touched since it
// was listed: the deletion is a compare-and-set on what was listed. Touched means that the time of a blob is now; storing the same bytes
// again does it. Three more do, and they carry the argument.
//
// A node keeps what a record refers to, which is to touch it unless it is younger than [KeepAfter], before it writes the record. So a blob
// that a record names was young when the record was written. Let a run that is retained have such a record.
//
//   - If the record was written before the blob was listed, it is still there when the histories are read, because the run is retained. If
//     the run was removed meanwhile, it is not retained; and whoever removed it has touched what it refers to, for those who have it from
//     there.
//   - If the record was written after the listing, the blob was kept after it, or just before. If it was touched after, the compare-and-set
//     fails. If it was not, it was younger than [KeepAfter] then, and a blob that is younger than a grace period is no candidate.
//
// It does not matter where the writer of the record had the reference from: a client that stored the same bytes a second before and was
// told that they are there; a result of a run that is removed just now; the memory of a worker that has been running for a week. Runs that
// follow others, children and resets have records of their own, which name what they need.
//
// What is on its way to a record may stay there for longer than a grace period: in an inbox while no node runs, among the dead letters
// until somebody sends it again, as the last failure of an attempt that waits for a day, as what an attempt that died reported last. It
// lies in one of the places all the time, and moves in one direction: a message is stored in the next place before it is removed from the
// last. So the places are read in that direction, and nothing slips through between two readings. One move goes back, from a queue to the
// timers, when an attempt is tried again or paused; whoever moves it keeps what it refers to.
//
// What an attempt has stored itself, its worker keeps until the attempt is over. What is left is a reference that lies nowhere for longer
// than a grace period: an upload that nobody refers to yet, or a handle in the memory of a client whose run was removed, or of an attempt
// that ran for longer and had it from nowhere else. The grace period is for those, and who needs more of it says so.
package collect

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// Grace is how long a blob stays that nothing refers to, unless told otherwise.
	Grace = 24 * time.Hour
	// KeepAfter is the age from which on a blob is touched when something refers to it. It spares those that were just stored a write, and
	// must be well below every grace period: the time between keeping a blob and storing what refers to it comes on top.
	KeepAfter = 10 * time.Minute
	// MinGrace is the shortest grace period for which the argument holds.
	MinGrace = 3 * KeepAfter
	// most is how many blobs a pass can judge. It bounds its memory, to some 30 MB.
	most = 100_000
)

// Pass is one look at all blobs. List them, read the places, delete the doomed, in this order.
type Pass struct {
	before time.Time
	after  uint64
	last   uint64 // the last revision that was listed
	full   bool   // there are more than can be judged
	phase  phase
	doomed map[string]protocol.BlobInfo // until something refers to them
}

type phase int

const (
	listing phase = iota
	marking
	marked
)

// Begin begins a pass. Blobs that were touched within the grace period before now are left alone, and so are those whose revision is not
// above after: the last that an earlier pass has judged.
func Begin(now time.Time, grace time.Duration, after uint64) *Pass {
	return &Pass{before: now.Add(-grace), after: after, doomed: make(map[string]protocol.BlobInfo)}
}

// List tells of a blob, in the order of their revisions. It reports whether the pass wants to know of more.
func (p *Pass) List(b protocol.BlobInfo) bool {
	if p.phase != listing {
		panic("collect: a blob is listed after a place was read")
	}
	if b.Revision <= p.after || !b.Stored.Before(p.before) || !ours(b.Name) {
		return true
	}
	if p.full = len(p.doomed) == most; p.full {
		return false
	}
	p.last = b.Revision
	p.doomed[b.Name] = b
	return true
}

// ours reports whether a name was made of the object's content. What others put into the object store stays.
func ours(name string) bool {
	names := protocol.BlobNames([]byte(name))
	return len(names) == 1 && names[0] == name
}

// Places are where to look for references, in this order. There are none if no blob could be deleted anyway.
func (p *Pass) Places() iter.Seq[protocol.Place] {
	return func(yield func(protocol.Place) bool) {
		p.phase = marking
		for _, place := range protocol.Places() {
			if len(p.doomed) > 0 && !yield(place) {
				return
			}
		}
		p.phase = marked
	}
}

// Mark tells that something refers to a blob.
func (p *Pass) Mark(name string) { delete(p.doomed, name) }

// Doomed are the blobs that can go if they are still as they were listed, the oldest first. There are none unless every place was read.
func (p *Pass) Doomed() []protocol.BlobInfo {
	if p.phase != marked {
		return nil
	}
	return slices.SortedFunc(maps.Values(p.doomed), func(a, b protocol.BlobInfo) int {
		return cmp.Or(a.Stored.Compare(b.Stored), cmp.Compare(a.Revision, b.Revision))
	})
}

// Next is where the next pass goes on: the revision for [Begin]. Zero says that every blob was judged.
func (p *Pass) Next() uint64 {
	if !p.full {
		return 0
	}
	return p.last
}
