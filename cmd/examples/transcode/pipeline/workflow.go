// Package pipeline makes small JPEGs of many pictures: a workflow that runs one activity per picture, side by side, and
// then writes down what came out. workflow.go is the durable part; picture.go knows nothing of workflows.
package pipeline

import (
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Queue is the task queue of the pipeline.
const Queue = "transcode"

// Job is what a run works on.
type Job struct {
	// Sources are the pictures, which lie in the object store.
	Sources []Source `json:"sources"`
	// Out is an existing directory that the worker can write to which delivers the pictures.
	Out string `json:"out"`
	// Pace is the least time that a picture takes. It is there for those who want to watch.
	Pace protocol.Duration `json:"pace,omitzero"`
}

// Source is a picture to work on.
type Source struct {
	Name string        `json:"name"`
	File protocol.Blob `json:"file"`
}

// Result is what became of a picture.
type Result struct {
	Name   string `json:"name"`             // of the source
	File   string `json:"file,omitempty"`   // of the JPEG, in the job's directory
	Width  int    `json:"width,omitempty"`  // of the JPEG
	Height int    `json:"height,omitempty"` // of the JPEG
	Size   int    `json:"size,omitempty"`   // of the JPEG in bytes
	SHA256 string `json:"sha256,omitempty"` // of the JPEG, in hex
	// Picture is the JPEG.
	Picture protocol.Blob `json:"picture,omitzero"`
	Error   string        `json:"error,omitempty"` // why there is none
}

// ManifestName is the file in the job's directory that lists the results.
const ManifestName = "manifest.json"

// Manifest lists what became of every picture, in the order of the sources.
type Manifest struct {
	Pictures []Result `json:"pictures"`
}

// Transcode works on all pictures side by side; the workers' slots are the limit. A picture that cannot be read does not hold
// up the others. The manifest is written last, so whoever sees it sees everything.
func Transcode(ctx workflow.Context, job Job) (Manifest, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.StartToClose(time.Minute))
	pending := make([]workflow.Future[Result], len(job.Sources))
	for i, s := range job.Sources {
		pending[i] = workflow.Start(ctx, Shrink, Task{Source: s, Pace: job.Pace})
	}
	m := Manifest{Pictures: make([]Result, len(job.Sources))}
	for i, p := range pending {
		r, err := p.Get(ctx)
		if ctx.Err() != nil {
			return m, ctx.Err()
		}
		if err != nil {
			r = Result{Name: job.Sources[i].Name, Error: err.Error()}
		}
		m.Pictures[i] = r
	}
	_, err := workflow.Do(ctx, WriteManifest, Report{Out: job.Out, Manifest: m},
		workflow.StartToClose(time.Hour), workflow.HeartbeatTimeout(time.Minute))
	return m, err
}
