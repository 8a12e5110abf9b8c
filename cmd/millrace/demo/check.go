package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"github.com/millrace-dev/millrace/cmd/examples/transcode/pipeline"
	"github.com/millrace-dev/millrace/protocol"
)

// Report is what came of a demo. Problems is empty if every picture is right and every result was recorded exactly once.
type Report struct {
	ID       string            `json:"id"`
	Run      string            `json:"run_id"`
	Out      string            `json:"out"`
	Manifest string            `json:"manifest"`
	Elapsed  protocol.Duration `json:"elapsed"`
	Killed   []Killed          `json:"killed"`
	Files    []File            `json:"files"`
	Problems []string          `json:"problems,omitempty"`
	Events   []protocol.Event  `json:"events"`
}

// Killed is a process that was killed, and how many pictures were done by then.
type Killed struct {
	Process string `json:"process"`
	PID     int    `json:"pid"`
	Done    int    `json:"done"`
}

// File is a picture, and how many attempts it took.
type File struct {
	pipeline.Result

	From     int `json:"from"` // size of the source in bytes
	Attempts int `json:"attempts"`
}

func (r *Report) kill(d *demo, name string, p *process, done int) {
	p.kill()
	r.Killed = append(r.Killed, Killed{Process: name, PID: p.pid(), Done: done})
	d.Say("SIGKILL to %s %d, with %d of %d pictures done", name, p.pid(), done, d.count)
}

func (r *Report) problemf(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// check fills the report in. It trusts nobody: the pictures are made once more, here, and compared with the files; what was
// recorded is counted in the history.
func (d *demo) check(ctx context.Context, r *Report, m pipeline.Manifest) error {
	for e, err := range d.client.History(ctx, d.id) {
		if err != nil {
			return fmt.Errorf("read the history: %w", err)
		}
		r.Events = append(r.Events, e)
	}
	attempts := r.checkHistory(d.count)
	if len(m.Pictures) != d.count {
		r.problemf("the manifest lists %d of %d pictures", len(m.Pictures), d.count)
	}
	r.checkManifest(m)
	for i, p := range m.Pictures {
		f := File{Result: p}
		if i < len(attempts) {
			f.Attempts = attempts[i]
		}
		if err := d.checkFile(&f); err != nil {
			r.problemf("%s: %v", p.Name, err)
		}
		r.Files = append(r.Files, f)
	}
	return nil
}

// checkFile makes the picture again and compares.
func (d *demo) checkFile(f *File) error {
	source, err := fs.ReadFile(d.Pictures, f.Name)
	if err != nil {
		return err
	}
	f.From = len(source)
	if f.Error != "" {
		return fmt.Errorf("failed: %s", f.Error)
	}
	want, err := pipeline.Small(source)
	if err != nil {
		return err
	}
	got, err := os.ReadFile(filepath.Join(d.Out, f.File))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(got)
	if hex.EncodeToString(sum[:]) != f.SHA256 || !bytes.Equal(got, want.JPEG) {
		return fmt.Errorf("%s is not what it should be", f.File)
	}
	return nil
}

// checkManifest compares the file with what the workflow returned.
func (r *Report) checkManifest(want pipeline.Manifest) {
	var got pipeline.Manifest
	data, err := os.ReadFile(r.Manifest)
	if err == nil {
		err = json.Unmarshal(data, &got)
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		r.problemf("%s is not what the workflow returned: %v", r.Manifest, err)
	}
}

// checkHistory checks that the events are numbered without a gap and that each activity was scheduled once and ended once. It
// returns how many attempts each activity took, in the order in which they were scheduled.
func (r *Report) checkHistory(pictures int) []int {
	var attempts []int
	index, ends := map[int64]int{}, map[int64]int{}
	end := func(scheduled int64) {
		if ends[scheduled]++; ends[scheduled] > 1 {
			r.problemf("the result of event %d was recorded %d times", scheduled, ends[scheduled])
		}
	}
	for i, e := range r.Events {
		if e.ID != int64(i+1) {
			r.problemf("event %d comes after %d others", e.ID, i)
		}
		switch v := e.Attributes.(type) {
		case protocol.ActivityTaskScheduled:
			index[e.ID] = len(attempts)
			attempts = append(attempts, 0)
		case protocol.ActivityTaskStarted:
			attempts[index[v.ScheduledID]] = v.Attempt
		case protocol.ActivityTaskCompleted:
			end(v.ScheduledID)
		case protocol.ActivityTaskFailed:
			end(v.ScheduledID)
		case protocol.ActivityTaskTimedOut:
			end(v.ScheduledID)
		}
	}
	if want := pictures + 1; len(attempts) != want || len(ends) != want { // the manifest is one more
		r.problemf("history has %d activities, of which %d ended; want %d", len(attempts), len(ends), want)
	}
	return attempts
}
