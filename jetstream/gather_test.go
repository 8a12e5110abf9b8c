package jetstream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/nats-io/nats.go"
)

// pipe returns a gathered connection and its other side. What is written into a pipe is there when it was read.
func pipe(t *testing.T) (*gathered, net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	g := gather(near)
	t.Cleanup(func() { _, _ = far.Close(), g.Close() })
	return g, far
}

func write(t *testing.T, c net.Conn, data string) {
	t.Helper()
	if n, err := c.Write([]byte(data)); n != len(data) || err != nil {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(data), err)
	}
}

// TestWritesAreGathered: what is said while the socket is busy is written at once.
func TestWritesAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, far := pipe(t)
		write(t, g, "first")
		synctest.Wait() // it is being written
		for _, s := range []string{"a", "b", "c"} {
			write(t, g, s)
		}
		for _, want := range []string{"first", "abc"} {
			buf := make([]byte, 100)
			if n, err := far.Read(buf); string(buf[:n]) != want {
				t.Errorf("read %q, %v, want %q", buf[:n], err, want)
			}
		}
	})
}

// TestNothingIsLeftOfAForgottenConnection: the client library drops a connection unclosed on which nobody greets it, and makes the next one.
func TestNothingIsLeftOfAForgottenConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		write(t, gather(near), "hello")
		buf := make([]byte, 100)
		if n, err := far.Read(buf); string(buf[:n]) != "hello" {
			t.Errorf("read %q, %v", buf[:n], err)
		}
	}) // which fails if a goroutine is left
}

// TestWritersWait: a socket that takes nothing does not fill the memory.
func TestWritersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, far := pipe(t)
		much := bytes.Repeat([]byte("x"), gatherMost)
		done := make(chan error, 1)
		go func() {
			for range 10 {
				if _, err := g.Write(much); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("nobody waited: %v", err)
		default:
		}
		if n, err := io.ReadFull(far, make([]byte, 10*gatherMost)); err != nil {
			t.Fatalf("read %d: %v", n, err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if cap(g.spare) > 3*gatherMost {
			t.Errorf("%d bytes are kept", cap(g.spare))
		}
	})
}

// TestGatheredConnectionsFail: who writes hears of it, and whoever reads finds the connection closed.
func TestGatheredConnectionsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, far := pipe(t)
		_ = far.Close()
		write(t, g, "lost")
		synctest.Wait()
		if _, err := g.Write([]byte("more")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("wrote with %v", err)
		}
		if _, err := g.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("read with %v", err)
		}
	})
}

// TestCloseWritesWhatWaits: who closes a connection has said something before.
func TestCloseWritesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, far := pipe(t)
		said := make(chan string, 1)
		go func() {
			all, _ := io.ReadAll(far)
			said <- string(all)
		}()
		write(t, g, "a")
		write(t, g, "b")
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		if got := <-said; got != "ab" {
			t.Errorf("said %q", got)
		}
		if _, err := g.Write([]byte("c")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("wrote with %v", err)
		}
		if err := g.Close(); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("closed again with %v", err)
		}
	})
}

// TestCloseDoesNotWaitForEver: nobody may be there any more to take what waits. (A bubble's clock stands still while somebody waits for a mutex.)
func TestCloseDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer far.Close()
	g := gather(near)
	write(t, g, "a")
	if err := g.Close(); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	if _, err := g.Write([]byte("b")); !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
		t.Errorf("wrote with %v", err)
	}
}

// TestGatheredOrder: what each goroutine writes arrives in its order, and nothing of it in the middle of another's.
func TestGatheredOrder(t *testing.T) {
	t.Parallel()
	const writers, each = 20, 2_000
	g, far := pipe(t)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				var word [8]byte
				binary.BigEndian.PutUint32(word[:], uint32(w))
				binary.BigEndian.PutUint32(word[4:], uint32(i))
				if _, err := g.Write(word[:]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	go func() {
		wg.Wait()
		_ = g.Close()
	}()
	all, err := io.ReadAll(far)
	if err != nil || len(all) != writers*each*8 {
		t.Fatalf("read %d bytes: %v", len(all), err)
	}
	next := make([]uint32, writers)
	for ; len(all) > 0; all = all[8:] {
		w, i := binary.BigEndian.Uint32(all), binary.BigEndian.Uint32(all[4:])
		if w >= writers || i != next[w] {
			t.Fatalf("%d of %d came when %d was due", i, w, next[w])
		}
		next[w]++
	}
}

// skipping is a dialer that makes TLS connections itself.
type skipping struct{ net.Dialer }

func (*skipping) SkipTLSHandshake() bool { return true }

// TestGatherBesideADialer: the dialer that was there before dials.
func TestGatherBesideADialer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dialer nats.CustomDialer
		skips  bool
	}{{nil, false}, {&net.Dialer{}, false}, {&skipping{}, true}} {
		o := nats.GetDefaultOptions()
		o.CustomDialer = c.dialer
		if err := Gather()(&o); err != nil {
			t.Fatal(err)
		}
		g, ok := o.CustomDialer.(gatherer)
		if !ok || g.dialer != c.dialer || g.SkipTLSHandshake() != c.skips {
			t.Errorf("%T: %+v", c.dialer, o.CustomDialer)
		}
	}
}
