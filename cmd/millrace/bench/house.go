package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/orchestrator/client"
)

// heapSubject asks a node's process how many bytes of its heap are in use.
const heapSubject = "bench.heap"

// serveHeap answers with what is left after a collection: what the node remembers, not what it has just dropped.
func serveHeap(nc *nats.Conn) error {
	_, err := nc.Subscribe(heapSubject, func(m *nats.Msg) {
		runtime.GC()
		runtime.GC() // what a pool holds survives the first
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		_ = m.Respond(strconv.AppendUint(nil, stats.HeapAlloc, 10))
	})
	return errors.Join(err, nc.Flush())
}

// house is a server, a node and a worker in processes of their own, which can be killed and started again on the same data.
type house struct {
	Options

	dir                  string
	server, node, worker *child
	conn                 *nats.Conn
	client               *client.Client
}

// build starts a house on a new directory. It must be closed, also after an error.
func build(ctx context.Context, o Options) (*house, error) {
	dir, err := os.MkdirTemp("", "millrace-bench-")
	h := &house{Options: o, dir: dir}
	if err == nil {
		err = h.open(ctx)
	}
	return h, err
}

// open starts every part.
func (h *house) open(ctx context.Context) (err error) {
	if h.server, err = spawn(ctx, h.Command, roleServer, h.dir, h.Sync); err != nil {
		return err
	}
	if err := h.openNode(ctx); err != nil {
		return err
	}
	if h.worker, err = spawn(ctx, h.Command, roleWorker, h.server.said); err != nil {
		return err
	}
	if h.conn, err = nats.Connect(h.server.said); err != nil {
		return err
	}
	h.client, err = client.New(h.conn)
	return err
}

func (h *house) openNode(ctx context.Context) (err error) {
	h.node, err = spawn(ctx, h.Command, roleNode, h.server.said, strconv.Itoa(h.Shards), "1")
	return err
}

// kill ends every part without a warning.
func (h *house) kill() {
	h.conn.Close()
	for _, c := range []*child{h.worker, h.node, h.server} {
		c.kill()
	}
}

func (h *house) close() error {
	if h.conn != nil {
		h.conn.Close()
	}
	var errs []error
	for _, c := range slices.Backward([]*child{h.server, h.node, h.worker}) {
		if c != nil {
			errs = append(errs, c.stop())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(h.dir))...)
}

// heap is how many bytes the node remembers.
func (h *house) heap(ctx context.Context) (float64, error) {
	m, err := h.conn.RequestWithContext(ctx, heapSubject, nil)
	if err != nil {
		return 0, fmt.Errorf("ask the node for its heap: %w", err)
	}
	return strconv.ParseFloat(string(m.Data), 64)
}
