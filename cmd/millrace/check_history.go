package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker"
)

// lingers is how long the program of a worker may go on after its worker has checked everything, before it is asked to end, and then how
// long until it is killed.
const lingers = 5 * time.Second

// checkHistoryCmd checks the code of a worker against recorded runs.
type checkHistoryCmd struct {
	From string `help:"Directory with histories from export. Without it, the open runs are taken." type:"path" placeholder:"DIR"`
	selection

	Command []string `arg:"" passthrough:"partial" help:"The program of the worker, with its arguments. It serves nothing, and ends."`
}

// Run prints what does not fit, and fails if anything does not.
func (k *checkHistoryCmd) Run(ctx context.Context, a *app) error {
	tmp, err := os.MkdirTemp("", "millrace-check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	dir := k.From
	if dir == "" {
		dir = filepath.Join(tmp, "histories")
		if err := k.fetch(ctx, a, dir); err != nil {
			return err
		}
	}
	files, err := historyNames(dir)
	if err != nil {
		return err
	}
	report := filepath.Join(tmp, "report")
	ended := k.runWorker(ctx, a, dir, report, tmp)
	checks, err := readReport(report)
	if err != nil {
		return err
	}
	if ended != nil && !slices.ContainsFunc(checks, func(c worker.HistoryCheck) bool { return c.Done }) {
		return protocol.Errorf(protocol.CodeBadRequest, "%s did not check anything: %v", k.Command[0], ended).
			WithHint("it must come to worker.Run: NATS_URL names a server for that, which is empty")
	}
	return a.showChecks(files, checks)
}

func (k *checkHistoryCmd) fetch(ctx context.Context, a *app, dir string) error {
	c, done, err := a.client()
	if err != nil {
		return err
	}
	defer done()
	k.Status = cmp.Or(k.Status, string(protocol.StatusRunning))
	rows, err := k.rows(ctx, c)
	if err != nil {
		return err
	}
	_, err = a.export(ctx, c, dir, rows)
	return err
}

func historyNames(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err == nil && len(files) == 0 {
		if _, err := os.Stat(dir); err != nil {
			return nil, protocol.Errorf(protocol.CodeBadRequest, "cannot read %s: %v", dir, err).
				WithHint("`millrace export DIR` writes histories")
		}
	}
	for i, f := range files {
		files[i] = filepath.Base(f)
	}
	return files, err
}

// runWorker runs the program until it ends. The server that it connects to is one of its own, so that it cannot do any harm.
func (k *checkHistoryCmd) runWorker(ctx context.Context, a *app, dir, report, tmp string) error {
	srv, err := embedded.Start(embedded.Options{Dir: filepath.Join(tmp, "nats"), Listen: "127.0.0.1:0", Sync: "1m"})
	if err != nil {
		return err
	}
	defer srv.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, k.Command[0], k.Command[1:]...) //nolint:gosec // what the user asked to run
	cmd.Env = append(os.Environ(), worker.EnvCheckHistory+"="+dir, worker.EnvCheckReport+"="+report, "NATS_URL="+srv.URL())
	cmd.Stdout, cmd.Stderr = a.err, a.err
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = lingers
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { // a program that has more to do than its worker does not end by itself
		for ctx.Err() == nil {
			checks, err := readReport(report)
			if err == nil && slices.ContainsFunc(checks, func(c worker.HistoryCheck) bool { return c.Done }) {
				time.AfterFunc(lingers, cancel)
				return
			}
			select {
			case <-time.After(lingers / 10):
			case <-ctx.Done():
			}
		}
	}()
	return cmd.Wait()
}

func readReport(path string) ([]worker.HistoryCheck, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the report of this command
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var checks []worker.HistoryCheck
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	for lines.Scan() {
		var c worker.HistoryCheck
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return checks, err
		}
		checks = append(checks, c)
	}
	return checks, lines.Err()
}

// checkSummary is the JSON form of check-history.
type checkSummary struct {
	Histories int                   `json:"histories"`
	Fit       int                   `json:"fit"`
	Unfit     []worker.HistoryCheck `json:"unfit"`
	Unchecked []string              `json:"unchecked"` // nobody in the program serves their queues, or knows their types
}

func (a *app) showChecks(files []string, checks []worker.HistoryCheck) error {
	s := checkSummary{Histories: len(files), Unfit: []worker.HistoryCheck{}, Unchecked: []string{}}
	checked := map[string]bool{}
	for _, c := range checks {
		if c.File == "" {
			continue
		}
		if c.Error != "" {
			s.Unfit = append(s.Unfit, c)
		} else if !checked[c.File] {
			s.Fit++
		}
		checked[c.File] = true
	}
	for _, f := range files {
		if !checked[f] {
			s.Unchecked = append(s.Unchecked, f)
		}
	}
	if err := a.printChecks(s); err != nil {
		return err
	}
	if n := len(s.Unfit); n > 0 {
		return protocol.Errorf(protocol.CodeBadRequest, "the code does not fit %d of %d histories", n, s.Histories).
			WithHint("keep the old way with workflow.Version, or pin the open runs to the old workers with worker.Pinned")
	}
	return nil
}

func (a *app) printChecks(s checkSummary) error {
	if a.JSON {
		return printJSON(a.out, s)
	}
	for _, c := range s.Unfit {
		fmt.Fprintf(a.out, "MISMATCH  %s, a %s\n%s\n\n", cmp.Or(c.Workflow, c.File), cmp.Or(c.Type, "file"), c.Error)
	}
	for _, f := range s.Unchecked {
		fmt.Fprintf(a.out, "UNCHECKED %s: no worker in the program serves its queue or knows its type\n", f)
	}
	_, err := fmt.Fprintf(a.out, "%d histories: %d fit, %d do not, %d were not checked\n",
		s.Histories, s.Fit, len(s.Unfit), len(s.Unchecked))
	return err
}
