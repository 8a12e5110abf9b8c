package protocol

import (
	"crypto/rand"
	"strings"

	"github.com/google/uuid"
)

// RunIDs makes IDs of runs that end alike, so that whoever starts many runs can listen to the ends of all of them at once: see
// [RunFamily]. They are UUIDs of version 7, and none is made twice by one process: the library counts within a millisecond. It is safe for
// concurrent use.
type RunIDs struct{ family [6]byte }

// NewRunIDs returns a maker with a random family.
func NewRunIDs() RunIDs {
	var m RunIDs
	_, _ = rand.Read(m.family[:]) // never fails
	return m
}

// New makes an ID.
func (m RunIDs) New() string {
	id := uuid.Must(uuid.NewV7())
	copy(id[len(id)-len(m.family):], m.family[:])
	return id.String()
}

// RunFamily is what the IDs of one maker have in common: the part after the last hyphen.
func RunFamily(run string) string { return run[strings.LastIndexByte(run, '-')+1:] }
