package fleet

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"
)

// chunk is how much of a connection is under way at once. A delay is that of a chunk, so it bounds throughput as well.
const chunk = 64 << 10

// Link is the network between two processes, in the form of a TCP proxy: connections that come to its address go on to the other side.
// While it is silent, bytes wait as they do in the buffers of a network that is cut, and arrive late when it heals.
type Link struct {
	// From is the process that connects, To the one that is connected to.
	From, To string

	listener net.Listener
	target   string
	there    *way // from From to To
	back     *way
	accepts  sync.WaitGroup

	mu      sync.Mutex
	refuses bool
	conns   map[*conn]struct{}
}

// conn is a connection through a link: both sides of it.
type conn struct {
	in, out net.Conn
	ended   chan struct{} // closed when nobody is left to speak to
	once    sync.Once
}

func (c *conn) end() {
	c.once.Do(func() {
		close(c.ended)
		c.in.Close()
		c.out.Close()
	})
}

// newLink listens on a free port of loopback.
func newLink(from, to, target string) (*Link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed by close
	if err != nil {
		return nil, err
	}
	link := &Link{
		From: from, To: to, listener: l, target: target, there: newWay(), back: newWay(), conns: make(map[*conn]struct{}),
	}
	link.accepts.Go(link.accept)
	return link, nil
}

// address is where the process connects that is to use the link.
func (l *Link) address() string { return l.listener.Addr().String() }

func (l *Link) accept() {
	for {
		in, err := l.listener.Accept()
		if err != nil {
			return // closed
		}
		l.accepts.Go(func() { l.carry(in) })
	}
}

// carry carries one connection until either side ends it.
func (l *Link) carry(in net.Conn) {
	out, err := net.Dial("tcp", l.target) //nolint:noctx // on loopback, where it is answered at once
	if err != nil {
		in.Close()
		return
	}
	c := &conn{in: in, out: out, ended: make(chan struct{})}
	defer c.end()
	if !l.add(c) {
		return
	}
	defer l.remove(c)
	var both sync.WaitGroup
	for _, d := range []struct {
		way      *way
		to, from net.Conn
	}{{l.there, out, in}, {l.back, in, out}} {
		both.Go(func() {
			defer c.end()
			d.way.pump(d.to, d.from, c.ended)
		})
	}
	both.Wait()
}

func (l *Link) add(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuses {
		return false
	}
	l.conns[c] = struct{}{}
	return true
}

func (l *Link) remove(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// Silence stops what comes from these processes. Nobody is told.
func (l *Link) Silence(from ...string) {
	l.there.shut(slices.Contains(from, l.From))
	l.back.shut(slices.Contains(from, l.To))
}

// Refuse breaks every connection and refuses new ones.
func (l *Link) Refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuses = true
	for c := range l.conns {
		for _, side := range []net.Conn{c.in, c.out} {
			if tcp, ok := side.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // a reset, as from a host that is gone
			}
		}
		c.end()
	}
}

// Delay lets every chunk come later, by any time between these two.
func (l *Link) Delay(least, most time.Duration) {
	l.there.slow(least, most)
	l.back.slow(least, most)
}

// Heal undoes everything. What waited arrives.
func (l *Link) Heal() {
	l.mu.Lock()
	l.refuses = false
	l.mu.Unlock()
	l.Delay(0, 0)
	l.Silence()
}

func (l *Link) close() {
	l.listener.Close()
	l.Refuse()
	l.accepts.Wait()
}

// way is one direction of a link.
type way struct {
	mu          sync.Mutex
	open        chan struct{} // closed while bytes may pass
	least, most time.Duration
}

func newWay() *way {
	w := &way{open: make(chan struct{})}
	close(w.open)
	return w
}

func (w *way) shut(shut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.open:
		if shut {
			w.open = make(chan struct{})
		}
	default:
		if !shut {
			close(w.open)
		}
	}
}

func (w *way) slow(least, most time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.least, w.most = least, most
}

// pump copies until the connection ends. Its end is news like any other, and waits while the link is silent.
func (w *way) pump(to io.Writer, from io.Reader, ended <-chan struct{}) {
	buf := make([]byte, chunk)
	for {
		n, err := from.Read(buf)
		if !w.pass(ended) {
			return
		}
		if _, failed := to.Write(buf[:n]); failed != nil || err != nil {
			return
		}
	}
}

// pass waits until a chunk may pass, and reports false if the connection ends before.
func (w *way) pass(ended <-chan struct{}) bool {
	w.mu.Lock()
	open, wait := w.open, w.least
	if w.most > w.least {
		wait += rand.N(w.most - w.least) //nolint:gosec // chance, not a secret
	}
	w.mu.Unlock()
	if wait > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		select {
		case <-ctx.Done():
		case <-ended:
			return false
		}
	}
	select {
	case <-open:
		return true
	case <-ended:
		return false
	}
}
