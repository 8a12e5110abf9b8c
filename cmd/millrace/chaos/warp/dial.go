package warp

import (
	"encoding/binary"
	"errors"
	"os"
	"time"
)

// The hands of a dial, in the order in which they lie in its file.
const (
	handClock = iota // seconds
	handFlush        // nanoseconds
	handFull         // 0 or 1
	hands
)

// word is how many bytes a hand has.
const word = 8

// Dial turns the clock and the disk of one process. Its file may be turned while the process runs, and before.
type Dial struct{ path string }

// NewDial makes a dial at rest.
func NewDial(path string) (Dial, error) {
	return Dial{path}, os.WriteFile(path, make([]byte, hands*word), 0o600)
}

// Env is what the process is to have in its environment.
func (d Dial) Env() string { return "MILLRACE_DIAL=" + d.path }

// Clock sets the clock forward, or back, by whole seconds. Time goes on as it did for what measures how much passes.
func (d Dial) Clock(by time.Duration) error { return d.turn(handClock, int64(by/time.Second)) }

// Slow has each flush to the disk take a time up to this, and each write up to a twentieth of it.
func (d Dial) Slow(most time.Duration) error { return d.turn(handFlush, int64(most)) }

// Fill fills the disk: what is written is refused with ENOSPC.
func (d Dial) Fill() error { return d.turn(handFull, 1) }

// Rest undoes everything.
func (d Dial) Rest() error {
	return errors.Join(d.turn(handClock, 0), d.turn(handFlush, 0), d.turn(handFull, 0))
}

func (d Dial) turn(hand int, to int64) error {
	f, err := os.OpenFile(d.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	b := make([]byte, word)
	binary.NativeEndian.PutUint64(b, uint64(to)) //nolint:gosec // the bits
	_, err = f.WriteAt(b, int64(hand*word))
	return errors.Join(err, f.Close())
}
