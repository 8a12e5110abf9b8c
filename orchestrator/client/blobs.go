package client

import (
	"bytes"
	"context"
	"io"

	"github.com/millrace-dev/millrace/protocol"
)

// PutBlob stores what r delivers in the namespace's object store, in constant memory. The blob can be passed to workflows and
// activities like any other value; an activity opens it with activity.OpenBlob. ctx governs the whole upload.
func (c *Client) PutBlob(ctx context.Context, name string, r io.Reader) (protocol.Blob, error) {
	s, err := c.open(ctx)
	if err != nil {
		return protocol.Blob{}, err
	}
	return s.PutBlob(ctx, name, r)
}

// OpenBlob opens a blob. The caller closes it. What was read is verified at the end.
func (c *Client) OpenBlob(ctx context.Context, b protocol.Blob) (io.ReadCloser, error) {
	s, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	return s.GetBlob(ctx, b)
}

// stow moves a large payload to the object store.
func (c *Client) stow(ctx context.Context, owner string, p protocol.Payload) (protocol.Payload, error) {
	if p.Blob != nil || len(p.Data) <= c.threshold {
		return p, nil
	}
	b, err := c.PutBlob(ctx, "run/"+owner+"/"+p.Digest(), bytes.NewReader(p.Data))
	return protocol.Payload{Metadata: p.Metadata, Blob: &b}, err
}

// fetch brings a large payload back.
func (c *Client) fetch(ctx context.Context, p protocol.Payload) (protocol.Payload, error) {
	if p.Blob == nil {
		return p, nil
	}
	r, err := c.OpenBlob(ctx, *p.Blob)
	if err != nil {
		return p, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	return protocol.Payload{Metadata: p.Metadata, Data: data}, err
}
