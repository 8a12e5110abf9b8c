package pressure

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/test/rig"
)

// lazy is a way to a server that answers late, now and then: as one does whose disk takes seconds for a flush. What was asked has happened
// or will, and the answer says so when whoever asked has given up.
type lazy struct {
	server  string
	url     string
	resting sync.RWMutex // held for writing while nothing is answered
}

func newLazy(t *testing.T, url string) *lazy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	z := &lazy{server: strings.TrimPrefix(url, "nats://"), url: "nats://" + l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			z.join(conn)
		}
	}()
	return z
}

// join connects somebody with the server. When one of the two goes, the other does.
func (z *lazy) join(conn net.Conn) {
	server, err := net.Dial("tcp", z.server) //nolint:noctx // a test's
	if err != nil {
		_ = conn.Close()
		return
	}
	pass := func(to, from net.Conn, late bool) {
		defer func() { _, _ = to.Close(), from.Close() }()
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			if late {
				z.awake()
			}
			if _, failed := to.Write(buf[:n]); err != nil || failed != nil {
				return
			}
		}
	}
	go pass(server, conn, false)
	go pass(conn, server, true)
}

// awake waits for the end of a rest.
func (z *lazy) awake() {
	z.resting.RLock()
	z.resting.RUnlock() //nolint:gocritic,staticcheck // there is nothing to do in between
}

// rest leaves everything unanswered for a while.
func (z *lazy) rest(d time.Duration) {
	z.resting.Lock()
	defer z.resting.Unlock()
	<-time.After(d)
}

// The node hears of what it has stored when it has given up waiting for that, several times. Nothing is early, nothing is done twice, and
// nothing that was acknowledged is missing.
func TestSlowDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a slow disk")
	}
	t.Parallel()
	srv, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", Sync: "1m"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	z := newLazy(t, srv.URL())
	far, near := connect(t, z.url), connect(t, srv.URL())
	node, err := orchestrator.Attach(t.Context(), far, orchestrator.Options{Logger: rig.Logger(t), Shards: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Stop(context.Background()) })
	workBeside(t, near)
	c, err := client.New(near, client.DefaultQueue(rig.Queue))
	if err != nil {
		t.Fatal(err)
	}
	var naps sync.WaitGroup
	over := make(chan struct{})
	go func() {
		defer close(over)
		for range 3 {
			<-time.After(time.Second)
			z.rest(6 * time.Second) // the node waits for 5
		}
	}()
	const runs = 150
	for i := range runs {
		naps.Go(func() { napThrough(t, c, i) })
		<-time.After(100 * time.Millisecond)
	}
	<-over
	naps.Wait()
	for i := range runs {
		var done int
		for e, err := range c.History(t.Context(), napID(i)) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Type() == "ActivityTaskCompleted" {
				done++
			}
		}
		if done != 1 {
			t.Errorf("nap %d has %d results of its activity", i, done)
		}
	}
}

func napID(i int) string { return fmt.Sprint("nap-", i) }

// napThrough starts a run, again if need be, and waits for its end. It must not end early.
func napThrough(t *testing.T, c *client.Client, i int) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	run, err := client.Start(ctx, c, Nap, nap, client.ID(napID(i)), client.RequestID("start-"+napID(i)))
	if err == nil {
		_, err = run.Wait(ctx)
	}
	if took := time.Since(began); err != nil || took < nap+time.Second {
		t.Errorf("nap %d ended after %v: %v", i, took, err)
	}
}

func connect(t *testing.T, url string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}
