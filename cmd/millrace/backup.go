package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/millrace-dev/millrace/jetstream/backup"
	"github.com/millrace-dev/millrace/protocol"
)

// backupCmd keeps a namespace in a directory.
type backupCmd struct {
	Dir string `arg:"" help:"Directory to write to; it must be empty or missing." type:"path"`
}

// kept is what a backup or a restore says of itself.
type kept struct {
	Namespace string `json:"namespace"`
	Dir       string `json:"dir"`
	Began     string `json:"began"`
	Streams   int    `json:"streams"`
	Shards    int    `json:"shards"`
	Bytes     int64  `json:"bytes"`
}

// Run takes the backup while everything goes on.
func (b *backupCmd) Run(ctx context.Context, a *app) error {
	store, stop, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer stop()
	m, err := backup.Write(ctx, store, b.Dir, a.bar())
	a.soFar("")
	if err != nil {
		return err
	}
	return a.kept("kept in", b.Dir, m)
}

// restoreCmd makes a namespace anew.
type restoreCmd struct {
	Dir      string `arg:"" help:"Directory of a backup." type:"path"`
	Replace  bool   `help:"Remove what is there of the namespace first, for good."`
	Replicas int    `help:"Copies that NATS keeps of the streams. Defaults to as many as before." placeholder:"N"`
}

// Run restores it. Nodes are started afterwards.
func (r *restoreCmd) Run(ctx context.Context, a *app) error {
	nc, err := a.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	m, err := backup.Restore(ctx, nc, protocol.Namespace(a.Namespace), r.Dir, backup.Options{
		Replace: r.Replace, Replicas: r.Replicas, Tell: a.bar(),
	})
	a.soFar("")
	if err != nil {
		return err
	}
	return a.kept("restored from", r.Dir, m)
}

func (a *app) kept(did, dir string, m backup.Manifest) error {
	k := kept{
		Namespace: m.Namespace, Dir: dir, Began: m.Began.Format("2006-01-02T15:04:05Z"), Streams: len(m.Streams), Shards: len(m.Effects),
		Bytes: m.Bytes(),
	}
	if a.JSON {
		return printJSON(a.out, k)
	}
	_, err := fmt.Fprintf(a.out, "namespace %s, as it was at %s, is %s %s: %d streams, %d bytes\n",
		k.Namespace, k.Began, did, dir, k.Streams, k.Bytes)
	return err
}

// barWidth is how many characters a bar has.
const barWidth = 30

// bar draws how far something has come, on a terminal.
func (a *app) bar() func(backup.Progress) {
	last := ""
	return func(p backup.Progress) {
		full := min(int(p.Part*barWidth), barWidth)
		line := fmt.Sprintf("[%s%s] %3.0f %%  %d MB  %s",
			strings.Repeat("#", full), strings.Repeat(".", barWidth-full), 100*p.Part, p.Bytes>>20, p.Stream)
		if line != last {
			a.soFar(line)
		}
		last = line
	}
}
