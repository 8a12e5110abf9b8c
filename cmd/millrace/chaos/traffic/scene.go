package traffic

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic/verdict"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// scene is a script that is played: a workflow ID, and the clients that speak to it.
type scene struct {
	*load

	id    string
	rand  *rand.Rand
	first int // which of the connections the first client has
}

// client is the client of a number within the scene.
func (s *scene) client(number int) *client.Client { return s.clients[(s.first+number)%len(s.clients)] }

// started is a workflow that a client has started.
type started struct {
	run   *client.Run[json.RawMessage]
	begun time.Duration
}

// start starts the scene's workflow, and repeats that until it knows that it has.
func start[C, I, O any](ctx context.Context, s *scene, workflow func(C, I) (O, error), in I, opts ...client.StartOption) (started, bool) {
	return startAs(ctx, s, 0, forever, "", workflow, in, opts...)
}

// startAs starts the scene's workflow as one of its clients.
func startAs[C, I, O any](
	ctx context.Context, s *scene, number int, patience time.Duration, conflict protocol.ConflictPolicy,
	workflow func(C, I) (O, error), in I, opts ...client.StartOption,
) (started, bool) {
	var run *client.Run[json.RawMessage]
	name, err := protocol.FuncName(workflow)
	if err != nil {
		panic(err) // it is a function of this package
	}
	c := verdict.Call{Client: number, Op: verdict.OpStart, Workflow: s.id, Name: name, ID: uuid.NewString(), Conflict: conflict}
	opts = append(opts, client.ID(s.id), client.RequestID(c.ID), client.OnConflict(conflict))
	c = s.ask(ctx, c, patience, func(ctx context.Context, c *verdict.Call) (err error) {
		run, err = client.StartNamed[json.RawMessage](ctx, s.client(number), name, in, opts...)
		if err == nil {
			c.Run = run.RunID()
		} else {
			c.Run = protocol.AsError(err).Run
		}
		return err
	})
	return started{run, c.Begun}, c.Answer == verdict.Acked
}

// wait waits for the result of a workflow, which must end so, and not before least has passed since it was asked for.
func (s *scene) wait(ctx context.Context, st started, want protocol.Status, least time.Duration) {
	c := verdict.Call{Op: verdict.OpWait, Workflow: s.id, Run: st.run.RunID(), Begun: st.begun, Want: want, Least: least}
	s.ask(ctx, c, forever, func(ctx context.Context, c *verdict.Call) error {
		got, err := st.run.Wait(ctx)
		if c.Status = statusOf(err); c.Status == "" {
			return err
		}
		if c.Got = got; err != nil {
			c.Error = err.Error()
		}
		return nil
	})
}

// signal sends a signal as one of the scene's clients.
func signal[T any](
	ctx context.Context, s *scene, number int, patience time.Duration, sig protocol.Signal[T], value T, n int,
) verdict.Call {
	c := verdict.Call{Client: number, Op: verdict.OpSignal, Workflow: s.id, Name: sig.Name(), ID: uuid.NewString(), Number: n}
	return s.ask(ctx, c, patience, func(ctx context.Context, c *verdict.Call) error {
		return client.Signal(ctx, s.client(number), s.id, sig, value, client.WithRequestID(c.ID))
	})
}

// update asks for an update as one of the scene's clients.
func update(ctx context.Context, s *scene, number int, u protocol.Update[int, int], n int) verdict.Call {
	c := verdict.Call{Client: number, Op: verdict.OpUpdate, Workflow: s.id, Name: u.Name(), ID: uuid.NewString(), Number: n}
	return s.ask(ctx, c, forget, func(ctx context.Context, c *verdict.Call) error {
		h, err := client.StartUpdate(ctx, s.client(number), s.id, u, n, client.UpdateID(c.ID), client.WithRequestID(c.ID))
		if err != nil {
			return err
		}
		got, err := h.Wait(ctx)
		c.Run, c.Got = h.RunID(), text(got)
		return err
	})
}

// query asks the scene's workflow for its sum.
func query(ctx context.Context, s *scene, number int) {
	c := verdict.Call{Client: number, Op: verdict.OpQuery, Workflow: s.id, Name: value.Name()}
	s.ask(ctx, c, forget, func(ctx context.Context, c *verdict.Call) error {
		got, err := client.Query(ctx, s.client(number), s.id, value, 0)
		c.Got = text(got)
		return err
	})
}

// cancel asks the scene's workflow to stop.
func (s *scene) cancel(ctx context.Context, number int) {
	c := verdict.Call{Client: number, Op: verdict.OpCancel, Workflow: s.id, ID: uuid.NewString()}
	s.ask(ctx, c, forever, func(ctx context.Context, c *verdict.Call) error {
		return s.client(number).Cancel(ctx, s.id, client.WithRequestID(c.ID))
	})
}
