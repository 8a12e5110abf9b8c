package jetstream

import (
	"crypto/sha256"
	"hash"
)

// sum is a SHA-256 that is computed beside what else happens to the data: it is the most expensive part of a reading, and half of a writing
// that does not wait for the disk.
type sum struct {
	hash hash.Hash
	last chan struct{} // closed when the last data was added
}

func newSum() *sum {
	s := &sum{hash: sha256.New(), last: make(chan struct{})}
	close(s.last)
	return s
}

// add adds data, which must not change until the channel is closed.
func (s *sum) add(data []byte) <-chan struct{} {
	before, added := s.last, make(chan struct{})
	s.last = added
	go func() {
		defer close(added)
		<-before
		s.hash.Write(data)
	}()
	return added
}

// end is the digest of all.
func (s *sum) end() []byte {
	<-s.last
	return s.hash.Sum(nil)
}
