package jetstream_test

import (
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// line is a connection to the server that can be bad.
type line struct {
	nats.InProcessConnProvider

	deaf atomic.Bool // the next thing that the server says gets lost
	last atomic.Pointer[net.Conn]
}

// through makes a connection use the line.
func (l *line) through(o *nats.Options) error {
	l.InProcessConnProvider, o.InProcessServer = o.InProcessServer, l
	o.ReconnectWait, o.ReconnectJitter = time.Millisecond, time.Millisecond
	return nil
}

func (l *line) InProcessConn() (net.Conn, error) {
	conn, err := l.InProcessConnProvider.InProcessConn()
	l.last.Store(&conn)
	return &lossy{Conn: conn, line: l}, err
}

// cut ends the connection. The client makes another.
func (l *line) cut() { _ = (*l.last.Load()).Close() }

type lossy struct {
	net.Conn

	line *line
}

func (c *lossy) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && c.line.deaf.CompareAndSwap(true, false) {
		return c.Conn.Read(p)
	}
	return n, err
}

// The server stored the record and its acknowledgement got lost. Only the history can tell the writer.
func TestAppendWhoseAckGotLostIsSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		var l line
		writer := w.other(t, l.through)
		first := write(t, writer, "wf", "first", 0)
		l.deaf.Store(true)
		second := write(t, writer, "wf", "second", first)
		if second != first+1 {
			t.Errorf("the record lies at %d, want %d: it was stored when its acknowledgement got lost", second, first+1)
		}
		if got := bodies(t, w.Store, "wf", 1, second); len(got) != 2 {
			t.Errorf("history holds %v, want each record once", got)
		}
	})
}

// As before, but another node went on meanwhile: the writer must hear of the conflict, not of its own success.
func TestAppendWhoseAckGotLostMeetsAnotherWriter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		var l line
		writer := w.other(t, l.through)
		l.deaf.Store(true)
		refused := make(chan error, 1)
		go func() {
			_, err := writer.Append(t.Context(), 0, record("wf", "mine"), []byte("mine"), 0)
			refused <- err
		}()
		<-time.After(time.Second) // the writer waits for its acknowledgement, which is lost
		last, err := w.Last(t.Context(), 0, "wf")
		must(t, err)
		write(t, w.Store, "wf", "the other's", last.Seq)
		wantCode(t, <-refused, protocol.CodeConflict)
	})
}

// Another node wrote the same step under the same nonce, as a worker foresaw it, and the answer that says so got lost.
func TestAppendWhoseRefusalGotLostIsNotTakenForStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		var l line
		writer := w.other(t, l.through)
		first := write(t, writer, "wf", "first", 0)
		_, err := w.Append(t.Context(), 0, record("wf", "foreseen"), []byte("the other's"), first)
		must(t, err)
		l.deaf.Store(true)
		_, err = writer.Append(t.Context(), 0, record("wf", "foreseen"), []byte("mine"), first)
		wantCode(t, err, protocol.CodeConflict)
		if got := bodies(t, w.Store, "wf", 1, 9); len(got) != 2 || got[1] != "the other's" {
			t.Errorf("history holds %q", got)
		}
	})
}

// A puller whose connection came back asks for all its slots again.
func TestPullerSurvivesTheLossOfItsConnection(t *testing.T) {
	t.Parallel()
	w := start(t)
	var l line
	ch := pull(t, w.other(t, l.through), 2)
	for _, round := range []string{"a", "b", "c"} {
		l.cut()
		dispatch(t, w.Store, round+"1")
		dispatch(t, w.Store, round+"2")
		first, second := next(t, ch, "a task"), next(t, ch, "a task for the second slot")
		must(t, first.Ack())
		must(t, second.Ack())
	}
}
