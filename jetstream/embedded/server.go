package embedded

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats-server/v2/server/ats"
	"github.com/nats-io/nats.go"
)

const (
	startTimeout = 30 * time.Second
	// maxPayload lets a record of thousands of events travel in one message.
	maxPayload = 8 << 20
	// unlimited lifts the server's limit of 1,000 consumers per stream: every queue has two on the task stream.
	unlimited = -1
)

// Options configure a server.
type Options struct {
	// Dir is where the server keeps its files. Required. One process may use a directory at a time.
	Dir string
	// Listen is the address to accept connections on, such as "127.0.0.1:4222"; port 0 picks a free one. Empty means
	// that only this process can connect.
	Listen string
	// Sync says when the server flushes to disk: "always", or at intervals such as "100ms". Defaults to "always".
	Sync string
	// MaxPayload is the most bytes of a message. Defaults to 8 MiB.
	MaxPayload int32
	// MaxStore is the most bytes that the streams take on the disk. Defaults to three quarters of what is free when the server starts.
	MaxStore int64
	// Cluster makes the server one of several that keep copies of each other's streams: the addresses on which they talk to each other,
	// this server's own first. JetStream answers when more than half of them run. Needs Listen. Empty means that the server is alone.
	Cluster []string
	// Config is a configuration file of nats-server: accounts, users and TLS are taken from it, and whatever else is not said here. When
	// it has users, [Server.Conn] needs an option that names one. Empty means that whoever can connect may do everything.
	Config string
	// Logger receives what the server reports as a warning or an error. Nil: nobody does.
	Logger *slog.Logger
}

// Server is a running server. It is safe for concurrent use.
type Server struct {
	srv  *server.Server
	lock *os.File
	log  *logger // nil when nobody listens
}

// Prepare must be called once before a server is started inside a testing/synctest bubble, outside of every bubble (in
// TestMain). The server's clock for access times is a goroutine that lives as long as the process; started within a bubble, it
// would keep virtual time from moving.
func Prepare() { ats.Register() }

// Start starts a server and returns once it accepts connections.
func Start(o Options) (*Server, error) {
	opts, err := o.server()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o750); err != nil {
		return nil, unavailable("choose a directory that this user may write to", "cannot make the data directory %s: %v", o.Dir, err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		lock.Close()
		return nil, unavailable("", "cannot start NATS: %v", err)
	}
	s := &Server{srv: srv, lock: lock}
	if o.Logger != nil {
		s.log = &logger{to: o.Logger}
		srv.SetLogger(s.log, false, false)
	}
	if taken := taken(opts); taken != "" {
		lock.Close()
		return nil, unavailable("another server runs there: choose another port, or connect to that server instead",
			"%s is in use", taken)
	}
	srv.Start()
	if !srv.ReadyForConnections(startTimeout) || !srv.JetStreamEnabled() {
		s.Close()
		return nil, unavailable("look at the data directory: is the disk full, or are the files another user's?",
			"NATS did not start within %s in %s", startTimeout, o.Dir)
	}
	return s, nil
}

// taken is an address that the server is to listen on and cannot.
func taken(o *server.Options) string {
	switch {
	case !o.DontListen && !portFree(o.Host, o.Port):
		return net.JoinHostPort(o.Host, strconv.Itoa(o.Port))
	case o.Cluster.Port != 0 && !portFree(o.Cluster.Host, o.Cluster.Port):
		return net.JoinHostPort(o.Cluster.Host, strconv.Itoa(o.Cluster.Port))
	}
	return ""
}

// portFree tries the address, because the server itself ends the process when it cannot listen.
func portFree(host string, port int) bool {
	if port == server.RANDOM_PORT {
		return true
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port))) //nolint:noctx // closed at once
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func (o Options) server() (*server.Options, error) {
	if o.Dir == "" {
		return nil, misuse(`set Dir, such as orchestrator.Options{Dir: "data"}`, "an embedded NATS needs a data directory")
	}
	opts := &server.Options{}
	if o.Config != "" {
		var err error
		if opts, err = server.ProcessConfigFile(o.Config); err != nil {
			return nil, misuse("`nats-server -t -c FILE` says what is wrong", "the configuration of NATS cannot be used: %v", err)
		}
	}
	opts.ServerName, opts.JetStream, opts.StoreDir = "millrace", true, filepath.Join(o.Dir, "nats")
	opts.MaxPayload, opts.DontListen, opts.NoSigs, opts.NoLog = cmp.Or(o.MaxPayload, maxPayload), o.Listen == "", true, true
	opts.JetStreamLimits.DefaultMaxConsumers = unlimited
	if o.MaxStore != 0 {
		opts.JetStreamMaxStore = o.MaxStore
	}
	switch o.Sync {
	case "", "always":
		opts.SyncAlways = true
	default:
		d, err := time.ParseDuration(o.Sync)
		if err != nil || d <= 0 {
			return nil, misuse(`"always", or an interval such as "100ms"`, "%q does not say when to flush to disk", o.Sync)
		}
		opts.SyncInterval = d
	}
	if o.Listen != "" {
		var err error
		if opts.Host, opts.Port, err = address(o.Listen); err != nil {
			return nil, err
		}
	}
	if opts.Port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	return opts, o.join(opts)
}

// address reads an address to listen on.
func address(s string) (host string, port int, err error) {
	host, number, err := net.SplitHostPort(s)
	if err == nil {
		port, err = strconv.Atoi(number)
	}
	if err != nil {
		return "", 0, misuse(`write "127.0.0.1:4222"`, "%q is not an address to listen on", s)
	}
	return host, port, nil
}

// Conn connects from within the process, without a socket. The connection tries for ever to come back when it is lost, which
// happens only when the server stops.
func (s *Server) Conn(opts ...nats.Option) (*nats.Conn, error) {
	opts = append([]nats.Option{nats.InProcessServer(s.srv), nats.MaxReconnects(-1)}, opts...)
	nc, err := nats.Connect("", opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded NATS: %w", err)
	}
	return nc, nil
}

// URL is where the server accepts connections; empty when it does not.
func (s *Server) URL() string {
	if a, ok := s.srv.Addr().(*net.TCPAddr); ok && a != nil {
		return "nats://" + a.String()
	}
	return ""
}

// Close stops the server and waits until its files are closed. It may be called more than once.
func (s *Server) Close() {
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
	if s.log != nil {
		s.log.quiet.Store(true)
	}
	_ = s.lock.Close() // releases the lock; a second close changes nothing
}
