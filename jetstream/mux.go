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
	pending map[string]chan *nats.Msg
}

// open returns a reply subject and the channel of what is sent to it. Replies that nobody takes are dropped when the channel
// is full, so size must cover those that matter. close must be called.
func (m *mux) open(size int) (subject string, replies <-chan *nats.Msg, stop func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pending == nil {
		prefix := m.nc.NewInbox() + "."
		if _, err := m.nc.Subscribe(prefix+"*", m.deliver); err != nil {
			return "", nil, nil, wrap(err)
		}
		m.prefix, m.pending = prefix, make(map[string]chan *nats.Msg)
	}
	m.last++
	token := strconv.FormatUint(m.last, 36) // the prefix is of this connection alone
	ch := make(chan *nats.Msg, size)
	m.pending[token] = ch
	return m.prefix + token, ch, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.pending, token)
	}, nil
}

func (m *mux) deliver(msg *nats.Msg) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ch, ok := m.pending[strings.TrimPrefix(msg.Subject, m.prefix)]
	if !ok {
		return
	}
	select {
	case ch <- msg:
	default:
	}
}

// noResponders reports whether the server says that nobody listens.
func noResponders(m *nats.Msg) bool { return len(m.Data) == 0 && m.Header.Get("Status") == "503" }
