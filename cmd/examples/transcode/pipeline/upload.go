package pipeline

import (
	"context"
	"io/fs"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// Upload puts the pictures of a directory, though not of those below it, into the object store, in the order of their names.
// A picture that is there already is stored once, whatever the job.
func Upload(ctx context.Context, c *client.Client, dir fs.FS) ([]Source, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, err
	}
	var sources []Source
	for _, e := range entries {
		if e.IsDir() || !Known(e.Name()) {
			continue
		}
		blob, err := upload(ctx, c, dir, e.Name())
		if err != nil {
			return nil, err
		}
		sources = append(sources, Source{Name: e.Name(), File: blob})
	}
	return sources, nil
}

func upload(ctx context.Context, c *client.Client, dir fs.FS, name string) (protocol.Blob, error) {
	f, err := dir.Open(name)
	if err != nil {
		return protocol.Blob{}, err
	}
	defer f.Close()
	return c.PutBlob(ctx, f)
}
