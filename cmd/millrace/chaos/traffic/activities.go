package traffic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
)

// crew are the activities of a worker.
type crew struct{ ledger *ledger }

// anyCrew is the one that workflows name: which it is, the worker knows.
var anyCrew *crew

// Job is what an activity is to do.
type Job struct {
	Name string `json:"name"`
	// Fails is how many attempts fail before one succeeds.
	Fails int `json:"fails,omitzero"`
	// Hopeless says that no further attempt can help.
	Hopeless bool `json:"hopeless,omitzero"`
	// Take is how long an attempt takes, and Size how many bytes its result has beside the rest.
	Take protocol.Duration `json:"take,omitzero"`
	Size int               `json:"size,omitzero"`
}

// Done is a result. Its stamp is of one attempt, so that two attempts never say the same.
type Done struct {
	Name  string `json:"name"`
	Stamp string `json:"stamp"`
	Fill  string `json:"fill,omitempty"`
}

var (
	errNotYet   = errors.New("not yet")
	errHopeless = errors.New("this will never work")
)

// Work does a job.
func (c *crew) Work(ctx context.Context, j Job) (Done, error) {
	return write(ctx, c.ledger, func() (Done, error) {
		if err := pause(ctx, time.Duration(j.Take)); err != nil {
			return Done{}, err
		}
		switch {
		case j.Hopeless:
			return Done{}, activity.Terminal(errHopeless)
		case activity.Info(ctx).Attempt <= j.Fails:
			return Done{}, activity.Benign(errNotYet)
		}
		return Done{Name: j.Name, Stamp: uuid.NewString(), Fill: strings.Repeat("x", j.Size)}, nil
	})
}

// Hold works until it is told to stop, and shows that it does.
func (c *crew) Hold(ctx context.Context, j Job) (Done, error) {
	return write(ctx, c.ledger, func() (Done, error) {
		for n := 0; ; n++ {
			if err := activity.Heartbeat(ctx, n); err != nil {
				return Done{}, err
			}
			if err := pause(ctx, heartbeat/4); err != nil {
				return Done{}, err
			}
		}
	})
}

// Copy reads a file, and writes it twice as long.
func (c *crew) Copy(ctx context.Context, file protocol.Blob) (protocol.Blob, error) {
	return write(ctx, c.ledger, func() (protocol.Blob, error) {
		w, err := activity.CreateBlob(ctx)
		if err != nil {
			return protocol.Blob{}, err
		}
		defer w.Close()
		for range 2 {
			if err := appendTo(ctx, w, file); err != nil {
				return protocol.Blob{}, err
			}
		}
		return w.Commit()
	})
}

func appendTo(ctx context.Context, w io.Writer, file protocol.Blob) error {
	r, err := activity.OpenBlob(ctx, file)
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(w, r)
	if err == nil && n != file.Size {
		err = fmt.Errorf("the file has %d bytes, of %d", n, file.Size)
	}
	return err
}

// pause waits, as the work does that an activity stands for.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
