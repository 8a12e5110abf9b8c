package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fleet"
)

const (
	// tail is the part of a file, at most, whose end is lost.
	tail = 4
	// opening is how long a server may take until its copies are like those of the others.
	opening = 30 * time.Second
)

func flipBit(r *rand.Rand, data []byte) []byte {
	data[r.IntN(len(data))] ^= 1 << r.IntN(8)
	return data
}

func cutTail(r *rand.Rand, data []byte) []byte { return data[:len(data)-1-r.IntN(len(data)/tail)] }

func zeroTail(r *rand.Rand, data []byte) []byte {
	clear(data[len(data)-1-r.IntN(len(data)/tail):])
	return data
}

// damage changes a file of messages of a NATS server that was killed: one of a stream, or of what the servers have agreed on. What is in
// it, the others have.
func damage(change func(r *rand.Rand, data []byte) []byte) func(context.Context, *fleet.Fleet, *rand.Rand) (Harm, error) {
	return func(ctx context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
		p := one(r, f.Servers)
		if err := emptyDamaged(ctx, f, p); err != nil {
			return Harm{}, err
		}
		began := time.Now()
		p.Kill()
		files, err := messages(p.Dir())
		if err != nil {
			return Harm{}, err
		}
		if len(files) == 0 {
			return Harm{}, fmt.Errorf("%s has no file of messages", p.Name())
		}
		file := one(r, files)
		data, err := os.ReadFile(file) //nolint:gosec // of the fleet's own directory
		if err == nil {
			err = os.WriteFile(file, change(r, data), 0o600)
		}
		if err == nil {
			err = os.WriteFile(marked(p), nil, 0o600)
		}
		name, _ := filepath.Rel(p.Dir(), file) // it is below
		return Harm{
			What: p.Name() + ", " + name, Began: began, For: between(r, 0, 3*time.Second),
			Undo: func(ctx context.Context) error { return mend(ctx, f, p) },
		}, err
	}
}

// mend starts a server that was damaged. One that cannot open a stream any more has no copy of it from then on, and is emptied as soon as
// that shows.
func mend(ctx context.Context, f *fleet.Fleet, p *fleet.Process) error {
	if err := p.Start(ctx); err != nil {
		return err
	}
	soon, cancel := context.WithTimeout(ctx, opening)
	defer cancel()
	if err := f.Whole(soon); err == nil || soon.Err() == nil || ctx.Err() != nil {
		return err
	}
	return empty(p)
}

// marked is a file in the directory of a server that was damaged. It goes with the directory.
func marked(p *fleet.Process) string { return filepath.Join(p.Dir(), "damaged") }

// emptyDamaged has the servers that were damaged before begin with nothing, but for the one that is about to be, as docs/durability.md asks
// of whoever runs them. NATS mends none, and of three copies only one may have lost something.
func emptyDamaged(ctx context.Context, f *fleet.Fleet, except *fleet.Process) error {
	for _, p := range f.Servers {
		if _, err := os.Stat(marked(p)); p == except || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := empty(p); err != nil {
			return err
		}
		if err := f.Restore(ctx); err != nil {
			return err
		}
	}
	return nil
}

// messages are the files below a directory in which NATS keeps messages, of those that have some.
func messages(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || filepath.Ext(path) != ".blk" {
			return err
		}
		if info, err := e.Info(); err == nil && info.Size() > 2*tail {
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

// loseDisk has a server begin with nothing, beside others that have everything.
func loseDisk(_ context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	p := one(r, f.Servers)
	return Harm{What: p.Name(), For: between(r, 0, 3*time.Second)}, empty(p)
}

// empty kills a server and removes all that it has.
func empty(p *fleet.Process) error {
	p.Kill()
	return os.RemoveAll(p.Dir())
}
