package workflow

import (
	"errors"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// ErrSessionFailed matches, under errors.Is, what becomes of a session's activities when its worker dies or stops, and of a session that
// no worker takes.
var ErrSessionFailed error = protocol.ErrorType(sessionFailed)

const sessionFailed = "SessionFailed"

// DefaultSessionCreation is how long [CreateSession] waits for a worker unless told otherwise.
const DefaultSessionCreation = time.Minute

// SessionOption changes how a session is made. See [CreateSession].
type SessionOption func(*sessionOptions)

type sessionOptions struct {
	queue             string
	creation, longest time.Duration
}

// SessionQueue names the task queue whose workers take the session. Defaults to the workflow's own.
func SessionQueue(name string) SessionOption { return func(o *sessionOptions) { o.queue = name } }

// SessionCreation is how long to wait for a worker that takes the session. Defaults to [DefaultSessionCreation].
func SessionCreation(d time.Duration) SessionOption {
	return func(o *sessionOptions) { o.creation = d }
}

// SessionTimeout is how long the session may last; then it fails. Defaults to no limit.
func SessionTimeout(d time.Duration) SessionOption {
	return func(o *sessionOptions) { o.longest = d }
}

// SessionDetails describe a session.
type SessionDetails struct {
	// ID tells the session from others.
	ID string
	// Worker runs the session's activities, and Queue is the one that only it serves.
	Worker, Queue string
}

// session is one that was made. Contexts that belong to it share it.
type session struct {
	SessionDetails

	over    bool   // it was completed, or it failed
	release func() // gives the worker's slot back
}

// CreateSession finds a worker that will run a series of activities, which can then share what is on its disk or in its memory: those that
// are called with the context that it returns. [CompleteSession] ends the series.
//
//	s, err := workflow.CreateSession(ctx)
//	if err != nil {
//		return err
//	}
//	defer workflow.CompleteSession(s)
//	file, err := workflow.Do(s, Download, url)
//	if err == nil {
//		size, err = workflow.Do(s, Process, file) // on the worker that has the file
//	}
//	if errors.Is(err, workflow.ErrSessionFailed) { ... } // that worker is gone: begin anew with another session
//
// Workers take sessions when they have worker.Sessions, each as many as that says. When the worker dies or stops, the context is
// canceled, and what was called with it ends with an error that matches [ErrSessionFailed]: at once if the worker stops, after some
// seconds if it dies and another one takes sessions of the same queue. Activities of a session are tried again, on that worker, as
// usual. A session ends with the run; the next one, of a continue-as-new, makes its own.
func CreateSession(ctx Context, opts ...SessionOption) (Context, error) {
	o := sessionOptions{queue: GetInfo(ctx).Queue, creation: DefaultSessionCreation}
	for _, f := range opts {
		f(&o)
	}
	s := &session{SessionDetails: SessionDetails{ID: UUID(ctx)}}
	// Disconnected: what must be cleaned up after a cancellation lies on that worker.
	holding, release := WithCancel(Disconnected(ctx))
	holding.defaults = nil
	hold := NewActivity[protocol.SessionHold, struct{}](protocol.SessionActivity).Start(holding, protocol.SessionHold{ID: s.ID},
		Queue(protocol.SessionQueue(o.queue)), Attempts(1), ScheduleToStart(o.creation), StartToClose(o.longest))
	s.release = release
	if err := s.await(ctx, hold); err != nil {
		release()
		return ctx, err
	}
	child, cancel := WithCancel(ctx)
	child = WithActivityOptions(child, func(c *protocol.ScheduleActivityTask) {
		if !s.over {
			c.Queue = s.Queue
		}
	})
	child.session = s
	Go(holding, func(ctx Context) {
		if _, err := hold.Get(Disconnected(ctx)); !s.over {
			s.over = true
			child.scope.failure = s.failed(err)
			cancel()
		}
	})
	return child, nil
}

// await waits for the worker that takes the session.
func (s *session) await(ctx Context, hold Future[struct{}]) error {
	var failed error
	err := Select(ctx,
		OnReceive(NewSignal[protocol.SessionOffer](protocol.SessionSignal(s.ID)), func(o protocol.SessionOffer) {
			s.Worker, s.Queue = o.Worker, o.Queue
		}),
		OnReady(hold, func(_ struct{}, err error) { failed = s.failed(err) }),
	)
	return errors.Join(err, failed)
}

func (s *session) failed(err error) error {
	message := "the session has failed"
	if s.Worker == "" {
		message = "no worker took the session"
	}
	f := &protocol.Failure{Message: message, Source: "go", Application: &protocol.ApplicationFailure{Type: sessionFailed}}
	if err != nil {
		f.Cause = protocol.NewFailure(err)
	}
	return f
}

// CompleteSession ends the session that ctx belongs to: its worker can take another one. Activities that are called with ctx afterwards
// go to their usual queue. It does nothing for a session that has ended, and without one.
func CompleteSession(ctx Context) {
	if s := ctx.session; s != nil && !s.over {
		s.over = true
		s.release()
	}
}

// SessionInfo describes the session that ctx belongs to. ok is false without one, and when it has ended.
func SessionInfo(ctx Context) (d SessionDetails, ok bool) {
	if ctx.session == nil || ctx.session.over {
		return SessionDetails{}, false
	}
	return ctx.session.SessionDetails, true
}
