package client

import (
	"context"
	"io"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
)

// PutBlob stores what r delivers in the namespace's object store, in constant memory, and returns its handle, which can be passed to
// workflows and activities like any other value; an activity opens it with activity.OpenBlob. ctx governs the whole upload: when it ends,
// or r fails, nothing is left. The client's codecs encode the file.
//
// A file is named after its content: one that is there already takes no more room. A file that no run refers to is collected, after a
// day at the earliest.
func (c *Client) PutBlob(ctx context.Context, r io.Reader) (protocol.Blob, error) {
	f, err := c.files(ctx)
	if err != nil {
		return protocol.Blob{}, err
	}
	return f.Put(r)
}

// OpenBlob opens a file, which is read in constant memory and until ctx ends. The caller closes it. What was read is verified at the end: a
// file that is not what was stored ends with an error of code corrupt in place of io.EOF.
func (c *Client) OpenBlob(ctx context.Context, b protocol.Blob) (io.ReadCloser, error) {
	return c.OpenRange(ctx, b, 0, -1)
}

// OpenRange opens a part of a file: length bytes from offset on, or all from there if length is negative. A part beyond the end is cut to
// what there is. What is verified of a part is said at activity.OpenRange.
func (c *Client) OpenRange(ctx context.Context, b protocol.Blob, offset, length int64) (io.ReadCloser, error) {
	f, err := c.files(ctx)
	if err != nil {
		return nil, err
	}
	return f.Open(b, offset, length)
}

// files is where files leave the client and come in, for as long as ctx lasts.
func (c *Client) files(ctx context.Context) (codec.Files, error) {
	s, err := c.open(ctx)
	return codec.Files{
		Codec: c.codec,
		Store: func(r io.Reader) (protocol.Blob, error) { return s.PutBlob(ctx, r) },
		Get: func(b protocol.Blob, offset, length int64) (io.ReadCloser, error) {
			return s.GetRange(ctx, b, offset, length)
		},
	}, err
}

func (c *Client) getBlob(ctx context.Context, b protocol.Blob) (io.ReadCloser, error) {
	s, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	return s.GetBlob(ctx, b)
}

func (c *Client) putBytes(ctx context.Context, data []byte) (protocol.Blob, error) {
	s, err := c.open(ctx)
	if err != nil {
		return protocol.Blob{}, err
	}
	return s.PutBytes(ctx, data)
}

// edge is where payloads leave the client and come in, for as long as ctx lasts.
func (c *Client) edge(ctx context.Context) codec.Edge {
	room := int(c.nc.MaxPayload()) / 4
	return codec.Edge{
		Codec: c.codec, Failures: c.encodeFailures, Threshold: min(c.threshold, room), Room: room,
		Put: func(data []byte) (protocol.Blob, error) { return c.putBytes(ctx, data) },
		Get: func(b protocol.Blob) (io.ReadCloser, error) { return c.getBlob(ctx, b) },
	}
}

// seal encodes what a user sends.
func (c *Client) seal(ctx context.Context, v any) (protocol.Payload, error) {
	p, err := protocol.Encode(v)
	if err != nil {
		return p, err
	}
	return c.edge(ctx).Seal(p)
}

// result decodes what a user gets into an O. A failure keeps what cannot be decoded of it: better half of an error than another one.
func result[O any](ctx context.Context, c *Client, p protocol.Payload, f *protocol.Failure) (out O, err error) {
	if f != nil {
		if opened := f; c.edge(ctx).OpenAll(&opened) == nil {
			return out, opened
		}
		c.edge(ctx).LookAll(&f)
		return out, f
	}
	if p, err = c.edge(ctx).Open(p); err != nil {
		return out, err
	}
	err = p.Decode(&out)
	return out, err
}
