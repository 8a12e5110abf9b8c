package main

import (
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Job is a file to compress, in parts of a size.
type Job struct {
	File protocol.Blob `json:"file"`
	Part int64         `json:"part"`
}

// Result is what became of it.
type Result struct {
	Original   protocol.Blob `json:"original"`
	Compressed protocol.Blob `json:"compressed"`
	Parts      int           `json:"parts"`
}

// Progress is how far a run is.
type Progress struct{ Done, Parts int }

var progress = workflow.NewQuery[struct{}, Progress]("progress")

// silence is how long an activity may say nothing before it is taken for dead, and another worker tries it.
const silence = 30 * time.Second

// Compress splits a file, compresses the parts side by side, joins them and makes sure that the file can be had back. What it handles are
// handles: a file of a terabyte makes no larger a history than its number of parts.
func Compress(ctx workflow.Context, job Job) (Result, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.HeartbeatTimeout(silence))
	parts := split(job)
	done := 0
	workflow.HandleQuery(ctx, progress, func(struct{}) (Progress, error) { return Progress{done, len(parts)}, nil })

	pending := make([]workflow.Future[protocol.Blob], len(parts))
	for i, p := range parts {
		pending[i] = workflow.Start(ctx, Squeeze, p) // the workers' slots are the limit
	}
	squeezed := make([]protocol.Blob, len(parts))
	for i, f := range pending {
		var err error
		if squeezed[i], err = f.Get(ctx); err != nil {
			return Result{}, err
		}
		done++
	}
	whole, err := workflow.Do(ctx, Join, squeezed)
	if err != nil {
		return Result{}, err
	}
	_, err = workflow.Do(ctx, Verify, Pair{Original: job.File, Compressed: whole})
	return Result{Original: job.File, Compressed: whole, Parts: len(parts)}, err
}

// Part is a part of a file.
type Part struct {
	File   protocol.Blob `json:"file"`
	Offset int64         `json:"offset"`
	Length int64         `json:"length"`
}

// split cuts a file into parts, of which there is at least one. Nothing is copied: a part is read where it lies.
func split(job Job) []Part {
	var parts []Part
	for at := int64(0); at < max(job.File.Size, 1); at += job.Part {
		parts = append(parts, Part{job.File, at, min(job.Part, job.File.Size-at)})
	}
	return parts
}
