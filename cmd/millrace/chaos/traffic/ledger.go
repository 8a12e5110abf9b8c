package traffic

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic/verdict"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
)

// ledger is the file in which the activities of a worker process write down what they do. Each line is one write to a file that is only
// appended to, so a process that is killed leaves whole lines, and perhaps a part of the last one.
type ledger struct {
	worker string
	path   string

	mu   sync.Mutex
	file *os.File
}

// newLedger names the file, which is made with the first line: every process has its own.
func newLedger(dir, worker string) *ledger {
	name := fmt.Sprintf("%s-%d-%d.jsonl", protocol.Token(worker), os.Getpid(), time.Now().UnixNano())
	return &ledger{worker: worker, path: filepath.Join(dir, name)}
}

// note writes a line. An attempt that cannot write it must not go on: what it did would count as never done.
func (l *ledger) note(ctx context.Context, n verdict.Note) error {
	i := activity.Info(ctx)
	n.Time, n.Worker, n.Workflow, n.Run = time.Now().UTC(), l.worker, i.Workflow, i.Run
	n.Activity, n.Type, n.Attempt = i.ID, i.Type, i.Attempt
	line, err := json.Marshal(n)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		if l.file, err = os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
			return err
		}
	}
	_, err = l.file.Write(append(line, '\n'))
	return err
}

// write runs an attempt of an activity between two lines of the ledger.
func write[O any](ctx context.Context, l *ledger, do func() (O, error)) (O, error) {
	var none O
	if err := l.note(ctx, verdict.Note{Kind: verdict.Began}); err != nil {
		return none, err
	}
	out, err := do()
	if err != nil {
		_ = l.note(ctx, verdict.Note{Kind: verdict.Failed, Error: err.Error()}) // nothing hangs on it
		return none, err
	}
	payload, err := protocol.Encode(out)
	if err != nil {
		return none, err
	}
	return out, l.note(ctx, verdict.Note{Kind: verdict.Did, Digest: payload.Digest()})
}

// Ledger reads what the activities of all workers have written, in the order of their time. A line that was cut by the end of its process
// is passed over.
func Ledger(dir string) ([]verdict.Note, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var notes []verdict.Note
	for _, name := range files {
		if notes, err = readLedger(name, notes); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(notes, func(a, b verdict.Note) int { return a.Time.Compare(b.Time) })
	return notes, nil
}

func readLedger(name string, notes []verdict.Note) ([]verdict.Note, error) {
	f, err := os.Open(name) //nolint:gosec // a file of the directory that the caller named
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var n verdict.Note
		if json.Unmarshal(lines.Bytes(), &n) == nil {
			notes = append(notes, n)
		}
	}
	return notes, lines.Err()
}
