package orchestrator

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/collect"
	"github.com/millrace-dev/millrace/protocol"
)

// Blobs are the object store, and what refers to it.
type Blobs interface {
	// Blobs lists the blobs, in the order of their revisions.
	Blobs(ctx context.Context) iter.Seq2[protocol.BlobInfo, error]
	// References finds what the messages in a place refer to: all that are there when the reading begins and until it has come to them.
	References(ctx context.Context, place protocol.Place) iter.Seq2[protocol.Reference, error]
	// DeleteBlob removes a blob if it is still as it was seen; an error of code conflict says that it is not.
	DeleteBlob(ctx context.Context, b protocol.BlobInfo) error
	// DeadUploads lists the chunks that no blob has and none was added to for some time, and DeleteUpload removes them.
	DeadUploads(ctx context.Context, age time.Duration) ([]protocol.DeadUpload, error)
	DeleteUpload(ctx context.Context, u protocol.DeadUpload) error
}

// Collector deletes the blobs that nothing refers to, and what is left of uploads that did not come to their end. It may be interrupted at
// any time, and any number of them may be at work: package collect says why.
type Collector struct {
	// Blobs is where.
	Blobs Blobs
	// Grace is how long a blob stays that nothing refers to. Defaults to [collect.Grace].
	Grace time.Duration
	// DryRun says that nothing is deleted.
	DryRun bool
	// Progress hears what has been done so far, now and then. May be nil.
	Progress func(Collected)
	// Deleted hears of each blob that was deleted, or would have been. May be nil.
	Deleted func(protocol.BlobInfo)
}

// Collected is what a collector has done.
type Collected struct {
	// Listed are the blobs that there are, and References the references to blobs that were read.
	Listed     int `json:"listed"`
	References int `json:"references"`
	// Deleted are the blobs that were deleted, and Bytes what they had. In a dry run they would have been.
	Deleted int   `json:"deleted"`
	Bytes   int64 `json:"bytes"`
	// Uploads are the uploads that did not come to their end and of which something was removed.
	Uploads int `json:"uploads"`
}

// progressEvery is how many things are done between two reports.
const progressEvery = 1000

// Run looks at every blob once.
func (c Collector) Run(ctx context.Context) (Collected, error) {
	if c.Grace == 0 {
		c.Grace = collect.Grace
	}
	var done Collected
	for after, more := uint64(0), true; more; more = after != 0 {
		pass := collect.Begin(time.Now().UTC().Round(0), c.Grace, after)
		if err := c.mark(ctx, pass, &done); err != nil {
			return done, err
		}
		if err := c.sweep(ctx, pass.Doomed(), &done); err != nil {
			return done, err
		}
		after = pass.Next()
	}
	err := c.clear(ctx, &done)
	c.report(done, true)
	return done, err
}

// mark has a pass know what there is and what is referred to.
func (c Collector) mark(ctx context.Context, pass *collect.Pass, done *Collected) error {
	done.Listed = 0
	for b, err := range c.Blobs.Blobs(ctx) {
		if err != nil {
			return err
		}
		done.Listed++
		c.report(*done, done.Listed%progressEvery == 0)
		if !pass.List(b) {
			break
		}
	}
	for place := range pass.Places() {
		for r, err := range c.Blobs.References(ctx, place) {
			if err != nil {
				return err
			}
			pass.Mark(r.Name)
			done.References++
			c.report(*done, done.References%progressEvery == 0)
		}
	}
	return nil
}

// sweep deletes what is doomed, unless it was touched meanwhile.
func (c Collector) sweep(ctx context.Context, doomed []protocol.BlobInfo, done *Collected) error {
	for _, b := range doomed {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !c.DryRun {
			err := c.Blobs.DeleteBlob(ctx, b)
			if errors.Is(err, protocol.ErrConflict) {
				continue
			}
			if err != nil {
				return err
			}
		}
		done.Deleted++
		done.Bytes += b.Size
		if c.Deleted != nil {
			c.Deleted(b)
		}
		c.report(*done, done.Deleted%progressEvery == 0)
	}
	return nil
}

// clear removes what is left of uploads.
func (c Collector) clear(ctx context.Context, done *Collected) error {
	dead, err := c.Blobs.DeadUploads(ctx, c.Grace)
	if err != nil {
		return err
	}
	for _, u := range dead {
		if !c.DryRun {
			if err := c.Blobs.DeleteUpload(ctx, u); err != nil {
				return err
			}
		}
		done.Uploads++
	}
	return nil
}

func (c Collector) report(done Collected, now bool) {
	if now && c.Progress != nil {
		c.Progress(done)
	}
}
