package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// selection names runs by what list shows of them.
type selection struct {
	Status string `help:"Only runs in this state."`
	Type   string `help:"Only this workflow type."`
	Queue  string `help:"Only this queue." short:"q"`
	Limit  int    `help:"At most this many; 0 means all." default:"0"`
}

// rows lists the selected runs, newest first.
func (s selection) rows(ctx context.Context, c *client.Client) ([]protocol.Row, error) {
	var rows []protocol.Row
	req := protocol.ListRequest{Status: protocol.Status(s.Status), Type: s.Type, Queue: s.Queue, Limit: 1000}
	for row, err := range c.List(ctx, req) {
		if err != nil || s.Limit > 0 && len(rows) == s.Limit {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// exportCmd writes histories to files.
type exportCmd struct {
	Dir string   `arg:"" help:"Where to write a file for each run." type:"path"`
	IDs []string `arg:"" optional:"" name:"id" help:"Workflow IDs, whose latest runs are meant; every run of the selection when not given."`
	selection
}

// Run writes the files.
func (e *exportCmd) Run(ctx context.Context, a *app) error {
	c, done, err := a.client()
	if err != nil {
		return err
	}
	defer done()
	rows, err := e.rows(ctx, c)
	if err != nil {
		return err
	}
	if len(e.IDs) > 0 {
		rows = nil
		for _, id := range e.IDs {
			rows = append(rows, protocol.Row{ID: id})
		}
	}
	files, err := a.export(ctx, c, e.Dir, rows)
	if err != nil {
		return err
	}
	if a.JSON {
		return printJSON(a.out, map[string]any{"dir": e.Dir, "files": append([]string{}, files...)})
	}
	_, err = fmt.Fprintf(a.out, "exported %d runs to %s\n", len(files), e.Dir)
	return err
}

// export writes a file for each run, and returns their names.
func (a *app) export(ctx context.Context, c *client.Client, dir string, rows []protocol.Row) (files []string, err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "cannot use the directory %s: %v", dir, err).
			WithHint("name a directory that this user may write to")
	}
	show, end := a.progress("exported", "runs")
	defer end()
	for i, row := range rows {
		show(i, len(rows))
		h, err := c.Export(ctx, row.ID, client.InRun(row.Run))
		if err != nil {
			return files, fmt.Errorf("export %s: %w", row.ID, err)
		}
		name := protocol.Token(h.Workflow) + "." + protocol.Token(h.Run) + ".json"
		if err := writeHistory(filepath.Join(dir, name), h); err != nil {
			return files, err
		}
		files = append(files, name)
	}
	return files, nil
}

// writeHistory writes a history with one event a line: a difference of two files shows the events that differ.
func writeHistory(path string, h protocol.History) error {
	events := h.Events
	h.Events = nil
	head, err := protocol.Marshal(h)
	if err != nil {
		return err
	}
	out := append(head[:len(head)-len(`null}`)], "[\n"...) // the events come last
	for i, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		out = append(append(out, "  "...), line...)
		if i < len(events)-1 {
			out = append(out, ',')
		}
		out = append(out, '\n')
	}
	return os.WriteFile(path, append(out, "]}\n"...), 0o600)
}

// progress shows how far something is, on a terminal: "exported 3 of 10 runs".
func (a *app) progress(did, what string) (show func(done, of int), end func()) {
	if a.JSON || !isTerminal(a.err) {
		return func(int, int) {}, func() {}
	}
	return func(done, of int) { fmt.Fprintf(a.err, "\r\033[K%s %d of %d %s", did, done, of, what) },
		func() { fmt.Fprint(a.err, "\r\033[K") }
}
