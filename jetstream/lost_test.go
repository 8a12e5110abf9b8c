package jetstream_test

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// line is a connection to the server that can be bad.
type line struct {
	nats.InProcessConnProvider

	deaf  atomic.Bool // the next thing that the server says gets lost
	still atomic.Bool // everything that it says gets lost
	last  atomic.Pointer[net.Conn]
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
	for {
		n, err := c.Conn.Read(p)
		if err == nil && (c.line.still.Load() || c.line.deaf.CompareAndSwap(true, false)) {
			continue
		}
		return n, err
	}
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

// A server that dies with a question says nothing. It is asked again long before the time of the question ends, and so is its successor.
func TestAServerThatSaysNothingIsAskedAgain(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(*testing.T, *jetstream.Store) error{
		"the last record": func(t *testing.T, s *jetstream.Store) error {
			_, err := s.Last(t.Context(), 0, "wf")
			return err
		},
		"the end of the history": func(t *testing.T, s *jetstream.Store) error {
			_, err := s.HistoryEnd(t.Context(), 0)
			return err
		},
		"a part of a history": func(t *testing.T, s *jetstream.Store) error {
			for _, err := range s.Range(t.Context(), 0, "wf", 1, 9) {
				return err
			}
			return nil
		},
		"a release": func(t *testing.T, s *jetstream.Store) error { return s.Release(t.Context(), 0, 1) },
		"a removal": func(t *testing.T, s *jetstream.Store) error { return s.RemoveInput(t.Context(), 0, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := start(t)
				must(t, w.Send("wf", begin("wf"), "wf")(t.Context()))
				var l line
				other := w.other(t, l.through)
				must(t, ask(t, other))
				l.still.Store(true)
				time.AfterFunc(500*time.Millisecond, func() { l.still.Store(false) }) // an answer may come in several reads
				asked := time.Now()
				must(t, ask(t, other))
				if took := time.Since(asked); took < 500*time.Millisecond || took > 1100*time.Millisecond {
					t.Errorf("the answer took %s", took)
				}
			})
		})
	}
}

// Whether there is room in an inbox that says nothing is not worth the wait: the start may be stored meanwhile. Nor do starts wait for each
// other.
func TestStartsDoNotWaitForAnInboxThatSaysNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const starts = 3
		w := start(t)
		var l line
		sender := w.other(t, l.through)
		l.still.Store(true)
		heard := make(chan error, starts)
		for i := range starts {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				id := fmt.Sprint("wf-", i)
				_, err := sender.Ask(ctx, id, begin(id), id, false)
				heard <- err
			}()
		}
		<-time.After(4 * time.Second)
		l.still.Store(false)
		for range starts {
			wantCode(t, <-heard, protocol.CodeTimeout)
		}
		for i := range starts {
			if e, err := w.js.Stream(t.Context(), ns.InboxStream(0)); err != nil {
				t.Fatal(err)
			} else if _, err := e.GetLastMsgForSubject(t.Context(), ns.Input(0, protocol.KindStart, fmt.Sprint("wf-", i))); err != nil {
				t.Errorf("start %d is not stored: %v", i, err)
			}
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
