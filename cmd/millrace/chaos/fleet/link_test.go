package fleet

import (
	"bufio"
	"net"
	"testing"
	"time"
)

// echo answers every line with itself until the test ends.
func echo(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with the test
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					if _, err := c.Write(append(lines.Bytes(), '\n')); err != nil {
						return
					}
				}
			}()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

// caller is a connection through a link.
type caller struct {
	net.Conn
	*bufio.Reader
}

func (c caller) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func call(t *testing.T, l *Link) caller {
	t.Helper()
	c, err := net.Dial("tcp", l.address()) //nolint:noctx // on loopback
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return caller{c, bufio.NewReader(c)}
}

// hear is what comes back within a time; nothing if that is silence.
func (c caller) hear(t *testing.T, within time.Duration) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	line, err := c.ReadString('\n')
	if err != nil {
		return ""
	}
	return line
}

func (c caller) say(t *testing.T, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text + "\n")); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T) *Link {
	t.Helper()
	l, err := newLink("a", "b", echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l
}

const (
	soon   = 10 * time.Second
	moment = 100 * time.Millisecond
)

// What is said while a link is silent, in either direction or both, arrives when it heals.
func TestSilence(t *testing.T) {
	t.Parallel()
	for _, from := range [][]string{{"a"}, {"b"}, {"a", "b"}} {
		l := link(t)
		c := call(t, l)
		c.say(t, "one")
		if got := c.hear(t, soon); got != "one\n" {
			t.Fatalf("got %q through a whole link", got)
		}
		l.Silence(from...)
		c.say(t, "two")
		if got := c.hear(t, moment); got != "" {
			t.Errorf("%v silent: got %q", from, got)
		}
		l.Heal()
		if got := c.hear(t, soon); got != "two\n" {
			t.Errorf("%v healed: got %q", from, got)
		}
	}
}

// The end of a connection is news as well.
func TestSilenceHidesTheEnd(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed below
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(gone)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		for lines := bufio.NewScanner(c); lines.Scan(); { // until the caller is gone
		}
	}()
	defer l.Close()
	through, err := newLink("a", "b", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer through.close()
	c := call(t, through)
	c.say(t, "one")
	through.Silence("a")
	c.Close()
	select {
	case <-gone:
		t.Error("the other side heard of the end")
	case <-time.After(moment):
	}
	through.Heal()
	select {
	case <-gone:
	case <-time.After(soon):
		t.Error("the other side did not hear of the end")
	}
}

// A link that refuses ends what there is, and lets nobody in until it is healed.
func TestRefuse(t *testing.T) {
	t.Parallel()
	l := link(t)
	c := call(t, l)
	c.say(t, "one")
	c.hear(t, soon)
	l.Refuse()
	if _, err := c.ReadByte(); err == nil {
		t.Error("the connection lives")
	}
	late := call(t, l)
	if _, err := late.ReadByte(); err == nil {
		t.Error("somebody was let in")
	}
	l.Heal()
	again := call(t, l)
	again.say(t, "two")
	if got := again.hear(t, soon); got != "two\n" {
		t.Errorf("got %q through a healed link", got)
	}
}

// A slow link keeps the order of a connection.
func TestDelay(t *testing.T) {
	t.Parallel()
	l := link(t)
	l.Delay(20*time.Millisecond, 40*time.Millisecond)
	c := call(t, l)
	began := time.Now()
	for _, text := range []string{"one", "two", "three"} {
		c.say(t, text)
	}
	for _, want := range []string{"one\n", "two\n", "three\n"} {
		if got := c.hear(t, soon); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if took := time.Since(began); took < 40*time.Millisecond {
		t.Errorf("there and back took %s", took)
	}
}
