package jetstream

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// checkEvery is how often Offer asks whether a worker that has not answered is still connected.
const checkEvery = 250 * time.Millisecond

// reading is how long a worker may take to read a history beyond the time for the step itself. It says all the while that it is alive, and
// gives the step up by itself when its code takes too long.
const reading = 5 * time.Minute

// Offer sends a workflow task to one worker, or to any of the queue when worker is empty, and waits for the answer. Code
// no_worker says that no worker listens, or that the one that took it is gone; timeout, that it is there and gave no sign of
// life for the time of patience.
func (s *Store) Offer(
	ctx context.Context, worker string, task *protocol.WorkflowTask, patience time.Duration,
) (*protocol.WorkflowTaskAnswer, error) {
	data, err := protocol.Marshal(task)
	if err != nil {
		return nil, err
	}
	data = protocol.Pack(data)
	answers, err := s.mux.open(4)
	if err != nil {
		return nil, err
	}
	defer answers.close()
	if err := s.nc.PublishMsg(&nats.Msg{Subject: s.tasksFor(task.Queue, worker), Reply: answers.to, Data: data}); err != nil {
		return nil, wrap(err)
	}
	life := lifeline{s: s}
	defer life.close()
	check := s.limits.start(checkEvery)
	defer s.limits.stop(check)
	limit := time.Duration(task.Timeout) + patience + reading
	for silence := time.Duration(0); ; {
		select {
		case m := <-answers.heard:
			answer, err := s.readAnswer(m)
			if err != nil || !answer.Progress {
				return answer, err
			}
			worker, silence, life.heard = answer.Worker, 0, true
		case <-check.C:
			check.Reset(checkEvery)
			limit -= checkEvery
			if silence += checkEvery; silence >= patience || limit <= 0 {
				if life.watchedOnly() {
					return nil, protocol.ErrNoWorker
				}
				return nil, protocol.Errorf(protocol.CodeTimeout, "the worker that took the workflow task fell silent")
			}
			life.ask(task.Queue, worker)
		case m := <-life.answers.heard:
			life.heard = true
			if life.whom != "" && noResponders(m) {
				return nil, protocol.ErrNoWorker
			}
		case <-ctx.Done():
			return nil, wrap(ctx.Err())
		}
	}
}

// tasksFor is where one worker is sent workflow tasks, or any of the queue when worker is empty.
func (s *Store) tasksFor(queue, worker string) string {
	if worker == "" {
		return s.ns.WorkflowTasks(queue)
	}
	return s.ns.WorkerTasks(queue, worker)
}

// lifeline asks a worker for signs of life. One that was killed is noticed by that at once, long before patience ends: the server knows
// that its connection is gone.
//
// As long as nobody knows who took the task, any worker of the queue is asked, once. Somebody who watches the subjects, as `nats sub '>'`
// does, is a listener as well, so the task of a queue without workers lies with nobody, and the server does not say so. Workers answer
// this question at once, whatever else they do. If the server says that nobody listens any more, it was a worker, which died of the task
// perhaps: that counts as an attempt, and the next one waits.
type lifeline struct {
	s       *Store
	whom    string  // the worker that is asked; empty: any of the queue
	answers replies // of nothing before the first question: most answers are there sooner
	heard   bool
}

func (l *lifeline) ask(queue, worker string) {
	if l.answers.mux != nil && worker != l.whom {
		l.close() // what is said of the others does not count any more
		l.answers = replies{}
	}
	if l.answers.mux == nil {
		var err error
		if l.answers, err = l.s.mux.open(1); err != nil {
			return // without it there is patience
		}
	} else if worker == "" {
		return
	}
	l.whom = worker
	_ = l.s.nc.PublishMsg(&nats.Msg{Subject: l.s.tasksFor(queue, worker), Reply: l.answers.to})
}

// watchedOnly reports whether no worker of the queue was heard although the server knows of a listener.
func (l *lifeline) watchedOnly() bool { return l.answers.mux != nil && l.whom == "" && !l.heard }

func (l *lifeline) close() {
	if l.answers.mux != nil {
		l.answers.close()
	}
}

func (s *Store) readAnswer(m *nats.Msg) (*protocol.WorkflowTaskAnswer, error) {
	if noResponders(m) {
		return nil, protocol.ErrNoWorker
	}
	var answer protocol.WorkflowTaskAnswer
	data, err := unpackShallow(m.Data, &answer)
	if err == nil {
		err = s.fits(data, answer.Commands)
	}
	if err != nil {
		// The step failed, and the run should say why; it is tried again like any other failed step.
		return &protocol.WorkflowTaskAnswer{
			Cause: protocol.CauseBadCommand, Failure: protocol.NewFailure(err),
		}, nil
	}
	return &answer, nil
}

// Responder answers one workflow task. It may be called several times: progress first, the answer last.
type Responder = func(*protocol.WorkflowTaskAnswer) error

// responder answers a message.
func (s *Store) responder(m *nats.Msg) Responder {
	return func(a *protocol.WorkflowTaskAnswer) error {
		data, err := protocol.Marshal(a)
		if err != nil {
			return err
		}
		return s.answer(&nats.Msg{Subject: m.Reply, Data: protocol.Pack(data)})
	}
}

// unreadable is what a worker says of a task that it cannot read.
func unreadable(worker string, err error) *protocol.WorkflowTaskAnswer {
	return &protocol.WorkflowTaskAnswer{Worker: worker, Cause: protocol.CauseWorkflowPanic, Failure: protocol.NewFailure(err)}
}

// unpack reads a body that may be compressed.
func unpack(data []byte, out any) error {
	data, err := protocol.Unpack(data)
	if err != nil {
		return err
	}
	return protocol.Unmarshal(data, out)
}

// unpackShallow is unpack for what is passed on, and returns the body as it was unpacked.
func unpackShallow(data []byte, out any) ([]byte, error) {
	data, err := protocol.Unpack(data)
	if err == nil {
		err = protocol.Shallow(data)
	}
	if err != nil {
		return nil, err
	}
	return data, protocol.Unmarshal(data, out)
}

// fits refuses a command that is too large for a message of its own. The answer with it was compressed, and so would be the record. But
// its task, its event in a page of history, or its word to another workflow is not, and would be tried for ever.
func (s *Store) fits(body []byte, commands []protocol.Command) error {
	if s.Roomy(body) == nil {
		return nil
	}
	for i, c := range commands {
		data, err := protocol.Marshal(c)
		if err != nil {
			return err
		}
		if err := s.Roomy(data); err != nil {
			return fmt.Errorf("command %d, a %s: %w", i+1, c.Type(), err)
		}
	}
	return nil
}

// ServeWorkflowTasks takes workflow tasks for a worker, those for any worker of the queue and those for this one, until stop
// is called. handle runs on the goroutine of a subscription and must not block. An empty message asks whether the
// worker is there, and is answered here. A worker that runs no workflows has no handle, and answers nothing else.
func (s *Store) ServeWorkflowTasks(queue, worker string, handle func(*protocol.WorkflowTask, Responder)) (stop func(), err error) {
	serve := func(m *nats.Msg) {
		respond := s.responder(m)
		if len(m.Data) == 0 {
			_ = respond(&protocol.WorkflowTaskAnswer{Worker: worker})
			return
		}
		var task protocol.WorkflowTask
		if err := unpack(m.Data, &task); err != nil {
			_ = respond(unreadable(worker, err))
			return
		}
		if handle == nil {
			_ = respond(&protocol.WorkflowTaskAnswer{Worker: worker, Refusal: protocol.RefusalBusy})
			return
		}
		handle(&task, respond)
	}
	stopOwn, err := s.subscribe(s.ns.WorkerTasks(queue, worker), "", serve)
	if err != nil {
		return nil, err
	}
	if handle == nil {
		return stopOwn, nil
	}
	stopAny, err := s.subscribe(s.ns.WorkflowTasks(queue), protocol.WorkerGroup, serve)
	if err != nil {
		stopOwn()
		return nil, err
	}
	return func() {
		stopAny()
		stopOwn()
	}, nil
}
