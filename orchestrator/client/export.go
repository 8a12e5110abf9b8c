package client

import (
	"context"
	"io"
	"iter"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
)

// Export reads a whole run in a form that can be kept, and replayed without a server: see worker.CheckHistory. It is the latest run unless
// [InRun] names another. What its code reads is fetched from the object store; what was encoded by a codec stays so.
func (c *Client) Export(ctx context.Context, id string, opts ...ToOption) (protocol.History, error) {
	h := protocol.History{Workflow: id}
	for page, err := range c.pages(ctx, id, opts) {
		if err != nil {
			return h, err
		}
		h.Run = page.Run
		h.Events = append(h.Events, page.Events...)
	}
	if len(h.Events) > 0 {
		if a, ok := h.Events[0].Attributes.(protocol.WorkflowExecutionStarted); ok {
			h.Type, h.Queue = a.WorkflowType, a.Queue
		}
	}
	fetch := codec.Edge{Get: func(b protocol.Blob) (io.ReadCloser, error) { return c.getBlob(ctx, b) }}
	return h, fetch.OpenEvents(h.Events)
}

// pages reads a history, page by page, as it is.
func (c *Client) pages(ctx context.Context, id string, opts []ToOption) iter.Seq2[protocol.HistoryPage, error] {
	return func(yield func(protocol.HistoryPage, error) bool) {
		req := protocol.HistoryRequest{ID: id, Run: aim(to{}, opts).run}
		for {
			var page protocol.HistoryPage
			err := c.request(ctx, protocol.EndpointHistory, req, &page)
			if !yield(page, err) || err != nil || !page.More {
				return
			}
			req.Run, req.Cursor = page.Run, page.Cursor
			if n := len(page.Events); n > 0 {
				req.After = page.Events[n-1].ID
			}
		}
	}
}
