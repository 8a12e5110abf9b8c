package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/activity"
)

// Task is one picture of a job.
type Task struct {
	Source Source            `json:"source"`
	Pace   protocol.Duration `json:"pace,omitzero"`
}

// Shrink makes one small JPEG. It may run more than once, when a worker dies before its result is stored: the same picture
// gives the same file, which is stored once, so nobody can tell.
func Shrink(ctx context.Context, t Task) (Result, error) {
	pace := time.NewTimer(time.Duration(t.Pace))
	defer pace.Stop()
	file, err := activity.OpenBlob(ctx, t.Source.File)
	if err != nil {
		return Result{}, err
	}
	defer file.Close()
	source, err := io.ReadAll(file)
	if err != nil {
		return Result{}, err
	}
	small, err := Small(source)
	if err != nil {
		return Result{}, activity.Terminal(err) // the picture will not get better
	}
	r := Result{
		Name: t.Source.Name, File: t.Source.Name + ".jpg", Width: small.Width, Height: small.Height,
		Size: len(small.JPEG), SHA256: small.SHA256(),
	}
	if r.Picture, err = activity.PutBlob(ctx, bytes.NewReader(small.JPEG)); err != nil {
		return Result{}, err
	}
	select {
	case <-pace.C:
	case <-ctx.Done():
		return Result{}, context.Cause(ctx)
	}
	return r, nil
}

// Report asks for the manifest of a job.
type Report struct {
	Out      string   `json:"out"`
	Manifest Manifest `json:"manifest"`
}

// WriteManifest writes the pictures and then the manifest, and returns its path.
func WriteManifest(ctx context.Context, r Report) (string, error) {
	for i, p := range r.Manifest.Pictures {
		if p.File == "" {
			continue
		}
		if err := errors.Join(deliver(ctx, r.Out, p), activity.Heartbeat(ctx, i+1)); err != nil {
			return "", err
		}
	}
	data, err := json.MarshalIndent(r.Manifest, "", "  ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(r.Out, ManifestName)
	return path, replace(path, bytes.NewReader(append(data, '\n')))
}

func deliver(ctx context.Context, dir string, p Result) error {
	r, err := activity.OpenBlob(ctx, p.Picture)
	if err != nil {
		return err
	}
	defer r.Close()
	return replace(filepath.Join(dir, p.File), r)
}

// replace puts a file in place whole, or not at all: two attempts may run at once, and either may die.
func replace(path string, r io.Reader) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it is gone when all went well
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
