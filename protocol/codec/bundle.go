package codec

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/millrace-dev/millrace/protocol"
)

// worthwhile is the size in bytes below which a payload stays where it is, however many there are: a reference is not much smaller.
const worthwhile = 1 << 10

// bundle moves payloads that are too large only together into one object. Thousands of objects would take as many writes, and a message
// that does not fit would keep the run from going on.
func (e Edge) bundle(ptr any) error {
	if e.Room == 0 {
		return nil
	}
	total := 0
	count := walker{
		wants: func(p protocol.Payload) bool {
			if movable(p) {
				total += len(p.Data)
			}
			return false // so that all are looked at, and none is changed
		},
		wantsFailure: func(*protocol.Failure) bool { return false },
	}
	if err := count.walk(ptr); err != nil || total <= e.Room {
		return err
	}
	b := bundler{Edge: e, data: make([]byte, 0, total)}
	w := walker{payload: b.add, wants: movable, wantsFailure: func(*protocol.Failure) bool { return false }}
	if err := w.walk(ptr); err != nil {
		return err
	}
	blob, err := e.Put(b.data)
	for _, part := range b.parts {
		part.Name = blob.Name
	}
	return err
}

// movable reports whether a payload is here, and large enough for a reference in its place.
func movable(p protocol.Payload) bool { return p.Blob == nil && len(p.Data) > worthwhile }

// bundler collects payloads for one object.
type bundler struct {
	Edge

	data  []byte
	parts []*protocol.Blob // which get the object's name when it is known
}

// add puts a sealed payload into the bundle, and returns the reference to it.
func (b *bundler) add(sealed protocol.Payload) (protocol.Payload, error) {
	plain := sealed
	if b.Codec != nil {
		var err error
		if plain, err = b.Codec.Decode(sealed); err != nil {
			return sealed, err
		}
	}
	sum := sha256.Sum256(sealed.Data)
	part := &protocol.Blob{Offset: int64(len(b.data)), Size: int64(len(sealed.Data)), SHA256: hex.EncodeToString(sum[:])}
	b.data, b.parts = append(b.data, sealed.Data...), append(b.parts, part)
	return b.refer(plain, sealed, part)
}
