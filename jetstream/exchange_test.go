package jetstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

func workflowTask() *protocol.WorkflowTask {
	return &protocol.WorkflowTask{Workflow: "wf", Run: "run", Queue: queue}
}

// work serves workflow tasks and answers them with the worker's name.
func work(t *testing.T, s *jetstream.Store, worker string) (stop func()) {
	t.Helper()
	stop, err := s.ServeWorkflowTasks(queue, worker, func(_ *protocol.WorkflowTask, answer jetstream.Responder) {
		if err := answer(&protocol.WorkflowTaskAnswer{Worker: worker}); err != nil {
			t.Error(err)
		}
	})
	must(t, err)
	t.Cleanup(stop)
	return stop
}

func TestOfferGoesToTheWorkerThatIsMeant(t *testing.T) {
	t.Parallel()
	w := start(t)
	work(t, w.other(t), "ada")
	work(t, w.other(t), "bob")
	for _, worker := range []string{"ada", "bob"} {
		for range 5 {
			answer, err := w.Offer(t.Context(), worker, workflowTask(), patience)
			must(t, err)
			if answer.Worker != worker {
				t.Errorf("%s answered, want %s", answer.Worker, worker)
			}
		}
	}
	answer, err := w.Offer(t.Context(), "", workflowTask(), patience)
	must(t, err)
	if answer.Worker != "ada" && answer.Worker != "bob" {
		t.Errorf("%q answered, want any of the two", answer.Worker)
	}
}

// "Nobody listens" is an answer of the server, not a time that passes.
func TestOfferToNobodyIsAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	w := start(t)
	gone := work(t, w.Store, "gone")
	gone()
	for _, worker := range []string{"", "gone", "never there"} {
		_, err := w.Offer(t.Context(), worker, workflowTask(), time.Hour)
		wantCode(t, err, protocol.CodeNoWorker)
	}
}

// Somebody who watches every subject is a listener for the server, and no worker.
func TestOfferToWatchersOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		watch(t, w, ">", func(*nats.Msg) {})
		_, err := w.Offer(t.Context(), "", workflowTask(), 2*time.Second)
		wantCode(t, err, protocol.CodeNoWorker)

		// A worker says that it is there, also while it is silent about its task.
		stop, err := w.ServeWorkflowTasks(queue, "stuck", func(*protocol.WorkflowTask, jetstream.Responder) {})
		must(t, err)
		t.Cleanup(stop)
		_, err = w.Offer(t.Context(), "", workflowTask(), 2*time.Second)
		wantCode(t, err, protocol.CodeTimeout)
	})
}

// A worker that dies of a task at once, and was the only one, has had it: that is an attempt.
func TestWorkerThatDiesOfTheTaskAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		doomed := connect(t, w.srv)
		_, err := doomed.QueueSubscribe(ns.WorkflowTasks(queue), protocol.WorkerGroup, func(*nats.Msg) { doomed.Close() })
		must(t, err)
		known(t, doomed)
		_, err = w.Offer(t.Context(), "", workflowTask(), 2*time.Second)
		wantCode(t, err, protocol.CodeTimeout)
	})
}

// A worker that dies with the task in its hands is missed as soon as the server has noticed, however patient the node is.
func TestWorkerThatDiesWithTheTaskIsMissed(t *testing.T) {
	t.Parallel()
	w := start(t)
	nc := connect(t, w.srv)
	doomed, err := jetstream.Open(t.Context(), nc, ns)
	must(t, err)
	stop, err := doomed.ServeWorkflowTasks(queue, "doomed", func(_ *protocol.WorkflowTask, answer jetstream.Responder) {
		_ = answer(&protocol.WorkflowTaskAnswer{Worker: "doomed", Progress: true})
		nc.Close()
	})
	must(t, err)
	t.Cleanup(stop)
	for _, worker := range []string{"", "doomed"} {
		_, err = w.Offer(t.Context(), worker, workflowTask(), time.Hour)
		wantCode(t, err, protocol.CodeNoWorker)
	}
}

// reply is a worker that does with a workflow task what a worker should not.
func reply(t *testing.T, w *world, do func(m *nats.Msg)) {
	t.Helper()
	watch(t, w, ns.WorkflowTasks(queue), do)
}

// watch calls do for what is sent to a subject.
func watch(t *testing.T, w *world, subject string, do func(m *nats.Msg)) {
	t.Helper()
	nc := connect(t, w.srv)
	_, err := nc.Subscribe(subject, do)
	must(t, err)
	known(t, nc)
}

// known returns when the server knows the subscriptions of a connection, because it answers something else.
func known(t *testing.T, nc *nats.Conn) {
	t.Helper()
	_, err := nc.RequestWithContext(t.Context(), "$JS.API.INFO", nil)
	must(t, err)
}

func TestProgressRenewsPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		silent := make(chan bool, 1)
		reply(t, w, func(m *nats.Msg) {
			if len(m.Data) == 0 {
				return // asked whether it is there
			}
			for range 20 {
				<-time.After(time.Second)
				must(t, m.Respond([]byte(`{"progress":true}`)))
			}
			if !<-silent {
				must(t, m.Respond([]byte(`{"worker":"slow"}`)))
			}
		})
		silent <- false
		answer, err := w.Offer(t.Context(), "", workflowTask(), 2*time.Second)
		must(t, err)
		if answer.Worker != "slow" || answer.Progress {
			t.Errorf("got %+v, want the answer of the slow worker", answer)
		}
		silent <- true
		begin := time.Now()
		_, err = w.Offer(t.Context(), "", workflowTask(), 2*time.Second)
		wantCode(t, err, protocol.CodeTimeout)
		if got := time.Since(begin).Round(time.Second / 10); got != 22*time.Second {
			t.Errorf("the worker was given up after %s, want 22s: 20s of progress and 2s of silence", got)
		}
	})
}

func TestOfferEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	reply(t, w, func(*nats.Msg) { cancel() })
	if _, err := w.Offer(ctx, "", workflowTask(), time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context was canceled", err)
	}
}

func TestUnreadableAnswerIsAFailedStep(t *testing.T) {
	t.Parallel()
	w := start(t)
	reply(t, w, func(m *nats.Msg) { _ = m.Respond([]byte(`{"commands":"none"}`)) })
	answer, err := w.Offer(t.Context(), "", workflowTask(), patience)
	must(t, err)
	if answer.Failure == nil || answer.Cause != protocol.CauseBadCommand {
		t.Errorf("got %+v, want a failure of cause %s", answer, protocol.CauseBadCommand)
	}
}

func TestUnreadableTaskIsAnswered(t *testing.T) {
	t.Parallel()
	w := start(t)
	work(t, w.Store, "ada")
	m, err := connect(t, w.srv).RequestWithContext(t.Context(), ns.WorkerTasks(queue, "ada"), []byte("{"))
	must(t, err)
	var answer protocol.WorkflowTaskAnswer
	must(t, json.Unmarshal(m.Data, &answer))
	if answer.Failure == nil || answer.Worker != "ada" {
		t.Errorf("got %s, want a failure from ada", m.Data)
	}
}
