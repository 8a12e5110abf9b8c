package worker

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/millrace-dev/millrace/protocol"
)

// Environment of a worker that is to check histories in place of serving its queue; `millrace check-history` sets it.
const (
	// EnvCheckHistory names a directory with histories, as `millrace export` writes them.
	EnvCheckHistory = "MILLRACE_CHECK_HISTORY"
	// EnvCheckReport names the file that the worker adds its findings to, one JSON object a line; see [HistoryCheck]. Defaults to the
	// standard output.
	EnvCheckReport = "MILLRACE_CHECK_REPORT"
)

// HistoryCheck is a line of the report of a worker that checks histories.
type HistoryCheck struct {
	// File is the file's name in the directory; empty in the last line of a worker.
	File string `json:"file,omitempty"`
	// Queue is the worker's.
	Queue    string `json:"queue"`
	Workflow string `json:"workflow_id,omitempty"`
	Run      string `json:"run_id,omitempty"`
	Type     string `json:"workflow_type,omitempty"`
	Events   int    `json:"events,omitzero"`
	// Cause and Error say why the code does not fit; empty when it does.
	Cause protocol.TaskFailedCause `json:"cause,omitempty"`
	Error string                   `json:"error,omitempty"`
	// Done says that the worker has checked everything.
	Done bool `json:"done,omitzero"`
}

// ReadHistories reads the histories of a directory, in the order of their names: every file that ends in .json.
func ReadHistories(dir string) iter.Seq2[protocol.History, error] {
	return func(yield func(protocol.History, error) bool) {
		for name, err := range historyFiles(dir) {
			h := protocol.History{}
			if err == nil {
				h, err = readHistory(filepath.Join(dir, name))
			}
			if !yield(h, err) {
				return
			}
		}
	}
}

func historyFiles(dir string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			yield("", err)
			return
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".json") && !yield(e.Name(), nil) {
				return
			}
		}
	}
}

func readHistory(path string) (h protocol.History, err error) {
	data, err := os.ReadFile(path) //nolint:gosec // the caller's directory
	if err != nil {
		return h, err
	}
	if err := protocol.Unmarshal(data, &h); err != nil || len(h.Events) == 0 {
		return h, protocol.Errorf(protocol.CodeBadRequest, "%s holds no history: %v", path, err).
			WithHint("`millrace export` writes histories")
	}
	return h, nil
}

// checkAll checks the histories of a directory that are this worker's to replay, and reports what it found. Another worker of the same
// program may serve the others.
func (w *Worker) checkAll(ctx context.Context, dir, report string) (err error) {
	out := io.Writer(os.Stdout)
	if report != "" {
		f, err := os.OpenFile(report, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // named by whoever runs the program
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	// Each line is one write, so that the lines of several workers do not mix.
	say := func(c HistoryCheck) error {
		c.Queue = w.queue
		data, err := protocol.Marshal(c)
		if err == nil {
			_, err = out.Write(append(data, '\n'))
		}
		return err
	}
	for name, err := range historyFiles(dir) {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		c, mine := w.checkFile(dir, name)
		if !mine {
			continue
		}
		if err := say(c); err != nil {
			return err
		}
	}
	return say(HistoryCheck{Done: true})
}

// checkFile checks one history. It is this worker's if it serves the run's queue, or knows the workflow.
func (w *Worker) checkFile(dir, name string) (c HistoryCheck, mine bool) {
	c.File = name
	h, err := readHistory(filepath.Join(dir, name))
	if err != nil {
		c.Error = err.Error()
		return c, true
	}
	if s, ok := h.Events[0].Attributes.(protocol.WorkflowExecutionStarted); ok && s.Activity != nil {
		return c, true // an activity that runs alone has no code to replay
	}
	if _, known := w.registry.workflow(h.Type); !known && h.Queue != w.queue {
		return c, false
	}
	c.Workflow, c.Run, c.Type, c.Events = h.Workflow, h.Run, h.Type, len(h.Events)
	if err := w.checkHistory(h); err != nil {
		c.Error = err.Error()
		if e, ok := errors.AsType[*HistoryError](err); ok {
			c.Cause, c.Error = e.Cause, e.Failure.Error()
		}
	}
	return c, true
}
