package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/millrace-dev/millrace/cmd/examples/transcode/pictures"
	"github.com/millrace-dev/millrace/cmd/millrace/demo"
	"github.com/millrace-dev/millrace/protocol"
)

// demoCmd runs the transcode pipeline and kills its processes on the way.
type demoCmd struct {
	Dir  string         `arg:"" optional:"" help:"Directory with PNG, JPEG and GIF files. Some come with this program." type:"path"`
	Out  string         `help:"Directory for the small pictures and manifest.json." default:"millrace-demo" type:"path"`
	Pace *time.Duration `help:"The least time that a picture takes. Chosen so that there is something to watch."`
	Keep bool           `help:"Keep the node's data and the processes' logs."`
}

// Run fails unless every picture is right and every result was recorded exactly once.
func (c *demoCmd) Run(ctx context.Context, a *app) error {
	if info, err := os.Stat(c.Dir); c.Dir != "" && (err != nil || !info.IsDir()) {
		return protocol.Errorf(protocol.CodeBadRequest, "%s is no directory", c.Dir).
			WithHint("name one, or none for the pictures that come with this program")
	}
	data, err := os.MkdirTemp("", "millrace-demo-")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	o := demo.Options{
		Pictures: fs.FS(pictures.Files), Out: c.Out, Pace: -1, Data: data, Executable: self,
		Say: func(string, ...any) {}, Progress: func(int, int) {},
	}
	if c.Pace != nil {
		o.Pace = *c.Pace
	}
	if c.Dir != "" {
		o.Pictures = os.DirFS(c.Dir)
	}
	if !a.JSON {
		c.narrate(a, &o)
	}
	r, err := demo.Run(ctx, o)
	if err != nil && !errors.Is(err, context.Canceled) {
		_ = os.Remove(data) // if it is empty: otherwise it stays, and may tell why
		return err
	}
	if c.Keep {
		fmt.Fprintf(a.err, "data and logs: %s\n", data)
	} else {
		err = errors.Join(err, os.RemoveAll(data))
	}
	if err != nil {
		return err
	}
	if err := a.showDemo(r); err != nil {
		return err
	}
	if len(r.Problems) > 0 {
		return protocol.Errorf(protocol.CodeInternal, "%s", r.Problems[0]).WithHint("all problems: millrace demo --json")
	}
	return nil
}

// narrate tells what happens while it happens.
func (c *demoCmd) narrate(a *app, o *demo.Options) {
	began, erase := time.Now(), ""
	if isTerminal(a.out) {
		erase = "\r\033[K"
		o.Progress = func(done, of int) { fmt.Fprintf(a.out, "%s        %d of %d pictures", erase, done, of) }
	}
	o.Say = func(format string, args ...any) {
		fmt.Fprintf(a.out, "%s%5.1f s  %s\n", erase, time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
}

func (a *app) showDemo(r *demo.Report) error {
	if a.JSON {
		return printJSON(a.out, r)
	}
	if isTerminal(a.out) {
		fmt.Fprint(a.out, "\r\033[K")
	}
	fmt.Fprintln(a.out)
	err := table(a.out, "FILE\tFROM\tSIZE\tSHA-256\tATTEMPTS", func(line func(string, ...any)) {
		for _, f := range r.Files {
			if f.Error != "" {
				line("%s\t%d\t-\t%s\t%d", f.Name, f.From, short(f.Error, 64), f.Attempts)
				continue
			}
			line("%s\t%d\t%d\t%s\t%d", f.Name, f.From, f.Size, f.SHA256, f.Attempts)
		}
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	if err := printTimeline(a.out, r.Events); err != nil {
		return err
	}
	if len(r.Problems) > 0 {
		for _, p := range r.Problems {
			fmt.Fprintf(a.out, "problem: %s\n", p)
		}
		return nil
	}
	right := "pictures are"
	if len(r.Files) == 1 {
		right = "picture is"
	}
	_, err = fmt.Fprintf(a.out, `
%d %s right, each result was recorded exactly once, and %d processes were killed on the way.
The results are in %s.
`, len(r.Files), right, len(r.Killed), r.Out)
	return err
}

// demoNodeCmd is the demo's node process.
type demoNodeCmd struct {
	Dir    string `required:""`
	Listen string `required:""`
}

// Run runs until the demo is gone.
func (c *demoNodeCmd) Run(ctx context.Context, a *app) error {
	return demo.Node(ctx, os.Stdin, a.out, a.logger(), c.Dir, c.Listen)
}

// demoWorkerCmd is the demo's worker process.
type demoWorkerCmd struct{}

// Run runs until the demo is gone.
func (c *demoWorkerCmd) Run(ctx context.Context, a *app) error {
	return demo.Worker(ctx, os.Stdin, a.out, a.logger(), a.Server)
}
