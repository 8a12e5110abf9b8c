package jetstream

import (
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// mux receives replies for many requests over one subscription. Unlike the client library's own it delivers more than one
// reply to a request: a worker says that it is still at work before it answers.
type mux struct {
	nc *nats.Conn

	mu      sync.Mutex
	prefix  string
	last    uint64
	pending map[uint64]chan *nats.Msg
}

// replies are what is sent to a subject, until closed.
type replies struct {
	to     string
	heard  <-chan *nats.Msg
	mux    *mux
	number uint64
}

// open returns the replies to a subject of their own. Those that nobody takes are dropped when the channel is full, so size must cover
// those that matter. They must be closed.
func (m *mux) open(size int) (replies, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pending == nil {
		prefix := m.nc.NewInbox() + "."
		if _, err := m.nc.Subscribe(prefix+"*", m.deliver); err != nil {
			return replies{}, wrap(err)
		}
		m.prefix, m.pending = prefix, make(map[uint64]chan *nats.Msg)
	}
	m.last++
	heard := make(chan *nats.Msg, size)
	m.pending[m.last] = heard
	var buf [128]byte
	to := strconv.AppendUint(append(buf[:0], m.prefix...), m.last, 36) // the prefix is of this connection alone
	return replies{to: string(to), heard: heard, mux: m, number: m.last}, nil
}

func (r replies) close() {
	r.mux.mu.Lock()
	defer r.mux.mu.Unlock()
	delete(r.mux.pending, r.number)
}

func (m *mux) deliver(msg *nats.Msg) {
	m.mu.Lock()
	defer m.mu.Unlock()
	number, err := strconv.ParseUint(strings.TrimPrefix(msg.Subject, m.prefix), 36, 64)
	if err != nil {
		return // not one of those that open returns
	}
	select {
	case m.pending[number] <- msg: // never into a nil channel, if that one is closed
	default:
	}
}

// noResponders reports whether the server says that nobody listens.
func noResponders(m *nats.Msg) bool { return len(m.Data) == 0 && m.Header.Get("Status") == "503" }
