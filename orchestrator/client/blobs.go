package client

import (
	"context"
	"io"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
)

// PutBlob stores what r delivers in the namespace's object store, in constant memory. The blob can be passed to workflows and
// activities like any other value; an activity opens it with activity.OpenBlob. ctx governs the whole upload. Codecs do not touch
// what is stored this way.
func (c *Client) PutBlob(ctx context.Context, r io.Reader) (protocol.Blob, error) {
	s, err := c.open(ctx)
	if err != nil {
		return protocol.Blob{}, err
	}
	return s.PutBlob(ctx, r)
}

// OpenBlob opens a blob. The caller closes it. What was read is verified at the end.
func (c *Client) OpenBlob(ctx context.Context, b protocol.Blob) (io.ReadCloser, error) {
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
		Get: func(b protocol.Blob) (io.ReadCloser, error) { return c.OpenBlob(ctx, b) },
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
