package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// heapSubject asks a node's process how many bytes of its heap are in use, and peakSubject how many there were at most since it was asked
// last, or started.
const (
	heapSubject = "bench.heap"
	peakSubject = "bench.peak"
)

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

// servePeak looks at the heap until ctx is done. What is in use is what the last collection has left.
func servePeak(ctx context.Context, nc *nats.Conn) error {
	const every = 20 * time.Millisecond
	var peak atomic.Uint64
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}; ; {
			metrics.Read(live)
			if now := live[0].Value.Uint64(); now > peak.Load() {
				peak.Store(now)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	_, err := nc.Subscribe(peakSubject, func(m *nats.Msg) {
		most := peak.Load()
		runtime.GC()
		peak.Store(0)
		_ = m.Respond(strconv.AppendUint(nil, most, 10))
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
	runs                 protocol.RunIDs
}

// build starts a house on a new directory. It must be closed, also after an error.
func build(ctx context.Context, o Options) (*house, error) {
	dir, err := os.MkdirTemp("", "millrace-bench-")
	h := &house{Options: o, dir: dir, runs: protocol.NewRunIDs()}
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
	if err := h.openWorker(ctx); err != nil {
		return err
	}
	if h.conn, err = connect(h.server.said); err != nil {
		return err
	}
	h.client, err = client.New(h.conn)
	return err
}

func (h *house) openNode(ctx context.Context) (err error) {
	h.node, err = spawn(ctx, h.Command, roleNode, h.server.said, strconv.Itoa(h.Shards), "1")
	return err
}

func (h *house) openWorker(ctx context.Context) (err error) {
	h.worker, err = spawn(ctx, h.Command, roleWorker, h.server.said)
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
func (h *house) heap(ctx context.Context) (float64, error) { return h.number(ctx, heapSubject) }

// number asks the node's process for one.
func (h *house) number(ctx context.Context, subject string) (float64, error) {
	m, err := h.conn.RequestWithContext(ctx, subject, nil)
	if err != nil {
		return 0, fmt.Errorf("ask the node about its heap: %w", err)
	}
	return strconv.ParseFloat(string(m.Data), 64)
}
