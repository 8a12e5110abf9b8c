// Package demo runs the transcode pipeline in processes of its own and kills them on the way, with SIGKILL: first the worker,
// then the node with its NATS. Then it checks, picture by picture, that nothing was lost and nothing was done twice.
//
// demo.go is the story, process.go starts and kills, children.go is what the processes run, check.go is the judge.
package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/cmd/examples/transcode/pipeline"
	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

const (
	// slots is how many pictures a worker has in hand at once, so that some are half done when it is killed.
	slots = 2
	// spread is how long all pictures together take at the default pace; longestPace is how long one takes at most.
	spread, longestPace = 5 * time.Second, 400 * time.Millisecond
	// patience is how long the whole may take, beside the pace.
	patience = 5 * time.Minute
	// look is how often the demo looks how far the run is.
	look = 25 * time.Millisecond
)

// Options say what to run.
type Options struct {
	// Pictures is the directory to work on.
	Pictures fs.FS
	// Out is where the small pictures and the manifest go. It is made if it is missing.
	Out string
	// Pace is the least time that a picture takes; negative means that the demo chooses.
	Pace time.Duration
	// Data is the directory of the node's files and of the processes' logs.
	Data string
	// Executable is this program: it is started again as the node and as the worker.
	Executable string
	// Say is told what happens.
	Say func(format string, args ...any)
	// Progress is told how many pictures are done.
	Progress func(done, of int)
}

// demo is a demo that runs.
type demo struct {
	Options

	id           string
	url          string
	node, worker *process
	client       *client.Client
	count        int
}

// Run runs the demo and reports what came of it. Its error means that there is nothing to report.
func Run(ctx context.Context, o Options) (*Report, error) {
	names, err := pictures(o.Pictures)
	if err != nil {
		return nil, err
	}
	if o.Out, err = filepath.Abs(o.Out); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Out, 0o750); err != nil {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "cannot make the directory for the results: %v", err).
			WithHint("name another with --out")
	}
	if o.Pace < 0 {
		o.Pace = min(longestPace, spread*slots/time.Duration(len(names)))
	}
	ctx, cancel := context.WithTimeout(ctx, patience+o.Pace*time.Duration(len(names)))
	defer cancel()
	d := &demo{Options: o, id: "demo-" + time.Now().UTC().Format("20060102-150405"), count: len(names)}
	defer d.stop()
	r, err := d.run(ctx)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err() // an interrupt reaches the node and the worker as well, and they end first
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, protocol.Errorf(protocol.CodeTimeout, "the run did not end in time").WithHint("the logs are in %s", o.Data)
	}
	return r, err
}

// pictures lists the files to work on.
func pictures(dir fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "cannot read the pictures: %v", err).
			WithHint("name a directory, or none for the pictures that come with this program")
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && pipeline.Known(e.Name()) {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "there is no PNG, JPEG or GIF in this directory").
			WithHint("name a directory that has some, or none for the pictures that come with this program")
	}
	return names, nil
}

// run is the story.
func (d *demo) run(ctx context.Context) (*Report, error) {
	began := time.Now()
	if err := d.startNode(ctx); err != nil {
		return nil, err
	}
	nc, err := connect(d.url)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	if d.client, err = client.New(nc, client.DefaultQueue(pipeline.Queue)); err != nil {
		return nil, err
	}
	if err := d.startWorker(ctx); err != nil {
		return nil, err
	}
	run, err := d.submit(ctx)
	if err != nil {
		return nil, err
	}
	r := &Report{ID: d.id, Run: run.RunID(), Out: d.Out, Manifest: filepath.Join(d.Out, pipeline.ManifestName)}
	if err := d.kills(ctx, r); err != nil {
		return nil, err
	}
	watching, stop := context.WithCancel(ctx)
	go d.until(watching, d.count) //nolint:errcheck // only the progress matters here
	manifest, err := run.Wait(ctx)
	stop()
	if err != nil {
		return nil, fmt.Errorf("the run %s did not complete: %w", d.id, err)
	}
	r.Elapsed = protocol.Duration(time.Since(began))
	return r, d.check(ctx, r, manifest)
}

// submit uploads the pictures and starts the workflow.
func (d *demo) submit(ctx context.Context) (*client.Run[pipeline.Manifest], error) {
	sources, err := pipeline.Upload(ctx, d.client, d.Pictures)
	if err != nil {
		return nil, err
	}
	var size int64
	for _, s := range sources {
		size += s.File.Size
	}
	d.Say("uploaded %d pictures, %d KiB", len(sources), size>>10)
	job := pipeline.Job{Sources: sources, Out: d.Out, Pace: protocol.Duration(d.Pace)}
	run, err := client.Start(ctx, d.client, pipeline.Transcode, job, client.ID(d.id))
	if err == nil {
		d.Say("started workflow %s", d.id)
	}
	return run, err
}

// kills ends first the worker and then the node, each in the middle of its work, and starts another in its place.
func (d *demo) kills(ctx context.Context, r *Report) error {
	done, err := d.until(ctx, d.count/4)
	if err != nil {
		return err
	}
	r.kill(d, "worker", d.worker, done)
	if err := d.startWorker(ctx); err != nil {
		return err
	}
	if done, err = d.until(ctx, d.count/2); err != nil {
		return err
	}
	r.kill(d, "node", d.node, done)
	return d.startNode(ctx)
}

// until waits until so many pictures are done, and returns how many are.
func (d *demo) until(ctx context.Context, want int) (int, error) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		done, err := d.done(ctx)
		if err == nil {
			d.Progress(done, d.count)
			if done >= want {
				return done, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return done, errors.Join(ctx.Err(), err)
		case <-d.worker.gone:
			return done, d.worker.died()
		case <-d.node.gone:
			return done, d.node.died()
		}
	}
}

// done counts the activities that ended, as history has it.
func (d *demo) done(ctx context.Context) (int, error) {
	n := 0
	for e, err := range d.client.History(ctx, d.id) {
		if err != nil {
			return 0, err
		}
		switch e.Attributes.(type) {
		case protocol.ActivityTaskCompleted, protocol.ActivityTaskFailed, protocol.ActivityTaskTimedOut:
			n++
		}
	}
	return min(n, d.count), nil
}

func (d *demo) startNode(ctx context.Context) (err error) {
	listen := "127.0.0.1:0"
	if d.url != "" {
		listen = d.url[len("nats://"):]
	}
	ready := struct{ URL string }{}
	d.node, err = start(ctx, d.Options, "node", &ready, "demo-node", "--dir", filepath.Join(d.Data, "node"), "--listen", listen)
	if err == nil {
		d.url = cmp.Or(d.url, ready.URL)
		d.Say("node %d runs on %s", d.node.pid(), d.url)
	}
	return err
}

func (d *demo) startWorker(ctx context.Context) (err error) {
	var ready json.RawMessage
	d.worker, err = start(ctx, d.Options, "worker", &ready, "demo-worker", "--server", d.url)
	if err == nil {
		d.Say("worker %d runs", d.worker.pid())
	}
	return err
}

// stop ends what still runs. The worker first: it could do nothing without its node.
func (d *demo) stop() {
	d.worker.stop()
	d.node.stop()
}

// connect connects for good: the server will be killed under the connection.
func connect(url string) (*nats.Conn, error) {
	return nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(look), nats.ReconnectJitter(0, 0), jetstream.Gather())
}
