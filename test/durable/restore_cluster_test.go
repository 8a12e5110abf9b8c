package durable

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream/backup"
	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
)

// A backup of one server goes into a cluster of three, which keeps three copies of everything from then on; the backup of that goes back over
// it as it was, and into one server with one copy. Wherever it goes, what was acknowledged before it is there, and all of it ends.
func TestRestoreIntoACluster(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a cluster takes some seconds to find its leaders")
	}
	one := rig.Start(t, fourShards)
	stop := one.Work(t, work()...)
	p := orders(t, one, 40)
	from := keep(t, one)
	stop()
	one.Halt(t)

	nc := rig.Cluster(t)
	back(t, nc, from, backup.Options{Replicas: 3})
	copies(t, nc, 3)
	three := rig.Beside(t, nc)
	stop = three.Work(t, work()...)
	p.hold(t, three)
	from = keep(t, three)
	stop()
	three.Halt(t)

	back(t, nc, from, backup.Options{Replace: true})
	copies(t, nc, 3)
	three = rig.Beside(t, nc)
	stop = three.Work(t, work()...)
	p.hold(t, three)
	stop()
	three.Halt(t)

	dir := t.TempDir()
	srv, err := embedded.Start(embedded.Options{Dir: dir, Listen: "127.0.0.1:0", Sync: "10000h"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	lone := connect(t, srv.URL())
	_, err = backup.Restore(t.Context(), lone, protocol.DefaultNamespace, from, backup.Options{})
	if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Hint == "" {
		t.Errorf("three copies on one server: got %v, want an error that says what to do", err)
	}
	back(t, lone, from, backup.Options{Replicas: 1, Replace: true})
	copies(t, lone, 1)
	again := rig.Beside(t, lone)
	again.Work(t, work()...)
	p.hold(t, again)
}

// orders has runs end until there are so many, and returns what was promised by then.
func orders(t *testing.T, e *rig.Engine, n int) promise {
	t.Helper()
	l, stop := load(t, e)
	rig.Until(t, "runs", func() bool { return len(l.before(l.done, time.Now())) >= n })
	stop()
	return l.promised(time.Now())
}

func back(t *testing.T, nc *nats.Conn, from string, o backup.Options) {
	t.Helper()
	if _, err := backup.Restore(t.Context(), nc, protocol.DefaultNamespace, from, o); err != nil {
		t.Fatal(err)
	}
}

// copies waits until NATS has as many copies of each stream as it is to keep, and all of them are current.
func copies(t *testing.T, nc *nats.Conn, n int) {
	t.Helper()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	var found int
	var lags error
	rig.Until(t, "the copies of every stream", func() bool {
		found, lags = 0, nil
		all := js.ListStreams(t.Context())
		for s := range all.Info() {
			found++
			if s.Config.Replicas != n {
				t.Fatalf("%s has %d copies, want %d", s.Config.Name, s.Config.Replicas, n)
			}
			if n == 1 {
				continue
			}
			if s.Cluster == nil || len(s.Cluster.Replicas) != n-1 {
				lags = fmt.Errorf("%s lies on %+v", s.Config.Name, s.Cluster)
				continue
			}
			for _, r := range s.Cluster.Replicas {
				if !r.Current {
					lags = fmt.Errorf("the copy of %s on %s lags behind", s.Config.Name, r.Name)
				}
			}
		}
		return all.Err() == nil && lags == nil
	})
	if found < 4*3 {
		t.Errorf("there are %d streams", found)
	}
}
