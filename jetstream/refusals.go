package jetstream

import (
	"context"
	"errors"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"weak"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// The server refuses what a user may not publish or subscribe to by an error on the connection that belongs to no request: whoever asked
// would wait for an answer until time is up. So errors of the connection are listened to, and whoever waits for what was refused is told.

// refusals are told to those who wait on a connection. The connection has one handler of errors, so all stores on it share one of these.
type refusals struct {
	mu      sync.Mutex
	waiting map[*wait]struct{}
	deaf    *protocol.Error // why no answer reaches the connection
	since   uint64          // and how often it had been lost before that
}

// wait is for the refusal of any of some subjects. One that ends with a dot stands for all that begin with it.
type wait struct {
	subjects []string
	tell     func(why error) // must not block
}

func (w *wait) is(subject string) bool {
	return slices.ContainsFunc(w.subjects, func(s string) bool {
		return s == subject || strings.HasSuffix(s, ".") && strings.HasPrefix(subject, s)
	})
}

// byConnection does not keep connections from being collected.
var byConnection sync.Map // weak.Pointer[nats.Conn] to *refusals

// refusalsOf listens to the errors of a connection, before the handler that is there.
func refusalsOf(nc *nats.Conn) *refusals {
	key := weak.Make(nc)
	made := &refusals{waiting: make(map[*wait]struct{})}
	known, there := byConnection.LoadOrStore(key, made)
	if there {
		return known.(*refusals) //nolint:forcetypeassert // nothing else is stored
	}
	runtime.AddCleanup(nc, func(key weak.Pointer[nats.Conn]) { byConnection.Delete(key) }, key)
	next := nc.ErrorHandler()
	nc.SetErrorHandler(func(nc *nats.Conn, sub *nats.Subscription, err error) {
		if !made.tell(nc, err) && next != nil {
			next(nc, sub, err)
		}
	})
	return made
}

// refused finds the subject in what the server says.
var refused = regexp.MustCompile(`Permissions Violation for (Publish|Subscription) to "([^"]+)"`)

// tell tells those who wait for what was refused, and reports whether there is one: it is then reported as that one's error, and not to the
// handler of the connection as well.
func (r *refusals) tell(nc *nats.Conn, err error) (told bool) {
	verb, subject, ok := refusal(err)
	if !ok {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	why, answers := unauthorized(verb, subject), strings.HasPrefix(subject, inboxes(nc))
	if verb == "Subscription" && answers {
		r.deaf, r.since = why, nc.Stats().Reconnects
	}
	for w := range r.waiting {
		if answers || w.is(subject) {
			w.tell(why)
			told = true
		}
	}
	return told
}

// add has a wait told, until it is removed.
func (r *refusals) add(nc *nats.Conn, w *wait) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting[w] = struct{}{}
	if r.deaf != nil && r.since == nc.Stats().Reconnects {
		w.tell(r.deaf)
	}
}

func (r *refusals) remove(w *wait) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, w)
}

// refusal takes apart what the server says of a refusal.
func refusal(err error) (verb, subject string, ok bool) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return "", "", false
	}
	found := refused.FindStringSubmatch(err.Error())
	if found == nil {
		return "", "", false
	}
	return found[1], found[2], true
}

// inboxes are what the subjects begin with on which answers come.
func inboxes(nc *nats.Conn) string {
	if p := nc.Opts.InboxPrefix; p != "" {
		return p + "."
	}
	return nats.InboxPrefix
}

func unauthorized(verb, subject string) *protocol.Error {
	what := "publish to"
	if verb == "Subscription" {
		what = "subscribe to"
	}
	if strings.HasPrefix(subject, "_INBOX") && verb == "Subscription" {
		return protocol.Errorf(protocol.CodeUnauthorized, "this user of NATS may not %s %q, where answers would come", what, subject).
			WithHint("connect with the user's own inbox prefix, which `millrace auth template` names: --inbox-prefix in the command line")
	}
	return protocol.Errorf(protocol.CodeUnauthorized, "this user of NATS may not %s %q", what, subject).
		WithHint("`millrace auth template ROLE` prints what each role needs; another --namespace or queue needs another user")
}

// allowed returns a context that ends, with an error of code unauthorized for its cause, when the server refuses one of the subjects. One
// that ends with a dot stands for all that begin with it. done must be called; it gives an error of the context's end its cause.
func (s *Store) allowed(ctx context.Context, subjects ...string) (watched context.Context, done func(error) error) {
	watched, cancel := context.WithCancelCause(ctx)
	w := &wait{subjects, cancel}
	s.refusals.add(s.nc, w)
	return watched, func(err error) error {
		s.refusals.remove(w)
		defer cancel(nil)
		if cause, refused := errors.AsType[*protocol.Error](context.Cause(watched)); refused && ctx.Err() == nil && err != nil {
			return cause
		}
		return err
	}
}
