package jetstream

import (
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Gather is an option for [nats.Connect] that makes fewer writes of many messages. The library writes to the socket as soon as one
// goroutine has published something. With Gather whoever else is ready to publish comes first, and all of it is written together: the
// process, the server and the kernel between them have less to do, a tenth of what a workflow takes when hundreds are under way. A message
// that is published alone is not held back, and neither is one of a process that is busy with something else.
//
// The millrace command connects like this; a program of yours does if it says so:
//
//	nc, err := nats.Connect(url, jetstream.Gather())
//
// The order of what is published stays. A connection that cannot be written to is lost, and restored by the library, as any other. Beside a
// dialer of your own it gathers what that one's connections are given; give the dialer first. In-process connections have no socket, and
// are left as they are.
func Gather() nats.Option {
	return func(o *nats.Options) error {
		o.CustomDialer = gatherer{o, o.CustomDialer}
		return nil
	}
}

// gatherer dials as the options say.
type gatherer struct {
	options *nats.Options
	dialer  nats.CustomDialer // of the options, if there was one
}

// Dial implements [nats.CustomDialer].
func (g gatherer) Dial(network, address string) (net.Conn, error) {
	dial := g.dialer
	if dial == nil {
		dial = &net.Dialer{Timeout: g.options.Timeout}
	}
	conn, err := dial.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return gather(conn), nil
}

// SkipTLSHandshake passes on what the dialer says that does the work.
func (g gatherer) SkipTLSHandshake() bool {
	d, ok := g.dialer.(interface{ SkipTLSHandshake() bool })
	return ok && d.SkipTLSHandshake()
}

const (
	// gatherMost is how many bytes wait at most. Who has more to write waits until that is written.
	gatherMost = 64 << 10
	// gatherBusy is how soon after the last write there must be something to write for more to be waited for.
	gatherBusy = time.Millisecond
	// gatherClosing is how long the last bytes may take once the connection is closed.
	gatherClosing = time.Second
)

// gathered is a connection whose writes are gathered. Between writes it has no goroutine: the client library forgets a connection on which
// the server did not greet it, unclosed, and a goroutine would keep it, and its socket, for as long as the process lives.
type gathered struct {
	net.Conn

	writing sync.Mutex // held while something is written; taken before mu
	spare   []byte     // a buffer that is written, and free again

	mu      sync.Mutex
	waiting []byte
	err     error     // why nothing is written any more
	closed  bool      // nothing is taken any more
	runs    bool      // somebody writes what waits
	last    time.Time // when that was done
}

func gather(conn net.Conn) *gathered { return &gathered{Conn: conn} }

// run writes until nothing waits. If there is much to write, whoever is ready to publish does it first. Not otherwise: in a process that
// computes on all its processors others are ready, and each of them keeps a processor for ten milliseconds; what is published there once in
// a while must not wait for them.
func (g *gathered) run() {
	for {
		g.mu.Lock()
		busy := time.Since(g.last) < gatherBusy
		if g.runs = len(g.waiting) > 0; !g.runs {
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		if busy {
			runtime.Gosched()
		}
		_ = g.flush()
	}
}

// Write puts data with what waits. Its error may be that of an earlier write.
func (g *gathered) Write(data []byte) (int, error) {
	g.mu.Lock()
	err := g.err
	if err == nil && g.closed {
		err = net.ErrClosed
	}
	if err != nil {
		g.mu.Unlock()
		return 0, err
	}
	g.waiting = append(g.waiting, data...)
	full := len(g.waiting) >= gatherMost
	if !full && !g.runs {
		g.runs = true
		go g.run()
	}
	g.mu.Unlock()
	if full {
		if err := g.flush(); err != nil {
			return 0, err
		}
	}
	return len(data), nil
}

// flush writes what waits. After an error the other side may have half a message: the connection is closed, and its reader finds out.
func (g *gathered) flush() error {
	g.writing.Lock()
	defer g.writing.Unlock()
	g.mu.Lock()
	data, err := g.waiting, g.err
	g.waiting = g.spare[:0]
	g.mu.Unlock()
	if err == nil && len(data) > 0 {
		_, err = g.Conn.Write(data)
		g.mu.Lock()
		g.err, g.last = err, time.Now()
		g.mu.Unlock()
		if err != nil {
			_ = g.Conn.Close()
		}
	}
	if g.spare = data[:0]; cap(data) > 2*gatherMost {
		g.spare = nil
	}
	return err
}

// Close writes what waits, if that can be done soon, and closes the connection.
func (g *gathered) Close() error {
	g.mu.Lock()
	again := g.closed
	g.closed = true
	g.mu.Unlock()
	if !again {
		_ = g.SetWriteDeadline(time.Now().Add(gatherClosing)) // whoever writes now must not take longer either
		_ = g.flush()
	}
	return g.Conn.Close()
}
