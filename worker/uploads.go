package worker

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
)

// keepUploads is how often the files of an attempt are kept from being collected. It must be well below every grace period, and the
// shortest is half an hour.
const keepUploads = 10 * time.Minute

// uploads are the files that an attempt has stored. Until it returns nothing refers to them, and what nothing refers to is collected after
// a grace period: a file that was stored at the beginning of a long attempt would be gone when its handle is returned at the end.
type uploads struct {
	keep func(name string) error

	mu    sync.Mutex
	names map[string]bool
	timer *time.Timer
	ended bool
}

// through notes what is stored through some files.
func (u *uploads) through(files codec.Files) codec.Files {
	store := files.Store
	files.Store = func(r io.Reader) (protocol.Blob, error) {
		b, err := store(r)
		if err == nil {
			u.note(b.Name)
		}
		return b, err
	}
	return files
}

func (u *uploads) note(name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return // the code goes on after its deadline; its files are nobody's
	}
	if u.names == nil {
		u.names = make(map[string]bool)
		u.timer = time.AfterFunc(keepUploads, u.keepAll)
	}
	u.names[name] = true
}

// keepAll makes the files as if they were stored just now. One that cannot be kept now is tried again next time.
func (u *uploads) keepAll() {
	u.mu.Lock()
	names := make([]string, 0, len(u.names))
	for name := range u.names {
		names = append(names, name)
	}
	u.mu.Unlock()
	for _, name := range names {
		_ = u.keep(name)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.ended {
		u.timer.Reset(keepUploads)
	}
}

// end lets the files go. Those that the attempt returned are kept by what it returned.
func (u *uploads) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = true
	if u.timer != nil {
		u.timer.Stop()
	}
}

// files is where files come into an attempt and leave it.
func (e *execution) files(ctx context.Context) codec.Files { return e.uploads.through(e.w.files(ctx)) }
