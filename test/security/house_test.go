package security

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol/access"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
)

func TestMain(m *testing.M) { rig.Main(m) }

const shards = 2

// house is a NATS on which everybody has the permissions of a role, and no more.
type house struct {
	t   *testing.T
	dir string
	srv *embedded.Server

	mu      sync.Mutex
	refused map[string][]string // what the server refused, by user
}

// users are those of the tests, by name.
var users = []access.User{
	{Role: access.Orchestrator, Shards: shards},
	{Role: access.Client, Shards: shards},
	{Role: access.Client, Shards: shards, Name: "finisher", Completes: true},
	{Role: access.Observer, Shards: shards},
	{Role: access.Keeper, Shards: shards},
	{Role: access.Worker, Queue: "q1", IDs: []string{"w1"}, Versions: []string{"v1"}},
	{Role: access.Worker, Queue: "q2", Name: "second"},
	{Role: access.Client, Shards: shards, Namespace: "other", Name: "stranger"},
	{Role: access.Orchestrator, Shards: shards, Namespace: "other", Name: "other-node"},
}

func permissions(t *testing.T, u access.User) access.Permissions {
	t.Helper()
	p, err := access.Of(u)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// open runs a NATS with the users, and an administrator who may do everything.
func open(t *testing.T, more ...string) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), refused: map[string][]string{}}
	var conf strings.Builder
	conf.WriteString("accounts { MR { jetstream: enabled, users: [ { user: admin, password: secret }\n")
	for _, u := range users {
		p := permissions(t, u)
		conf.WriteString(strings.ReplaceAll(p.Conf(), "$"+strings.ToUpper(strings.ReplaceAll(p.User, "-", "_"))+"_PASSWORD", "secret"))
	}
	conf.WriteString(strings.Join(more, "\n") + "] } }\n")
	file := filepath.Join(h.dir, "nats.conf")
	if err := os.WriteFile(file, []byte(conf.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if h.srv, err = embedded.Start(embedded.Options{Dir: h.dir, Listen: "127.0.0.1:0", Sync: "10000h", Config: file}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.srv.Close()
		if t.Failed() {
			t.Log(h.refused)
		}
	})
	return h
}

// as connects as a user. What the server refuses it is noted.
func (h *house) as(name string, more ...nats.Option) *nats.Conn {
	h.t.Helper()
	opts := []nats.Option{nats.UserInfo(name, "secret"), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.refused[name] = append(h.refused[name], err.Error())
		}
	})}
	opts = append(opts, nats.CustomInboxPrefix("_INBOX_mr.default."+name))
	for _, u := range users {
		if p := permissions(h.t, u); p.User == name {
			opts = append(opts, nats.CustomInboxPrefix(p.Inbox))
		}
	}
	nc, err := nats.Connect(h.srv.URL(), append(opts, more...)...)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(nc.Close)
	return nc
}

// nothingRefused fails the test if the server refused a user anything so far.
func (h *house) nothingRefused() {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for user, what := range h.refused {
		for _, w := range what {
			h.t.Errorf("%s: %s", user, w)
		}
	}
}

// node runs a node until the test ends.
func (h *house) node(user, namespace string) {
	h.t.Helper()
	srv, err := orchestrator.Attach(context.Background(), h.as(user), orchestrator.Options{
		Namespace: namespaceOf(namespace), Shards: shards, Logger: rig.Logger(h.t),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if err := srv.Stop(context.Background()); err != nil {
			h.t.Error(err)
		}
	})
}

// work runs a worker until the test ends or stop is called.
func (h *house) work(user, queue string, opts ...worker.Option) (stop func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	w := worker.New(h.as(user), queue, append([]worker.Option{
		worker.Logger(rig.Logger(h.t)), worker.Grace(time.Second), worker.OnReady(func() { close(ready) }),
	}, opts...)...)
	go func() { ended <- w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
	})
	h.t.Cleanup(stop)
	select {
	case <-ready:
	case <-h.t.Context().Done():
		h.t.Fatal("the worker does not come up")
	case err := <-ended:
		ended <- err
		h.t.Fatal(err)
	}
	return stop
}

func (h *house) client(user string, opts ...client.Option) *client.Client {
	h.t.Helper()
	c, err := client.New(h.as(user), append([]client.Option{client.DefaultQueue("q1")}, opts...)...)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}
