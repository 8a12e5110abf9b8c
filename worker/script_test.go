package worker

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Names of the tests' signals and activity.
var (
	word  = workflow.NewSignal[string]("word")
	shout = workflow.NewActivity[string, string]("shout")
)

// wait ends with the first word that it is told.
func wait(ctx workflow.Context, _ string) (string, error) { return workflow.Receive(ctx, word) }

// echo answers each of n words with an activity.
func echo(ctx workflow.Context, n int) (string, error) {
	var all strings.Builder
	for range n {
		s, err := workflow.Receive(ctx, word)
		if err != nil {
			return "", err
		}
		if s, err = shout.Do(ctx, s); err != nil {
			return "", err
		}
		all.WriteString(s)
	}
	return all.String(), nil
}

// script is the history of a run as an orchestrator writes it. The code runs in the script as well: what it commands there is
// what the worker must command.
type script struct {
	*replaytest.World

	t     *testing.T
	base  string // nonce of the last step
	last  int    // events that the worker has seen when it has taken every step
	steps int
}

// step is the next step of a script: its events, and what its code commands.
type step struct {
	task *protocol.WorkflowTask
	full *protocol.WorkflowTask // for a worker that does not know the run
	want []protocol.Command
}

func play[I, O any](t *testing.T, f func(workflow.Context, I) (O, error), in I) *script {
	t.Helper()
	w := replaytest.New(workflow.Program(f, nil))
	t.Cleanup(w.Close)
	w.Start(in)
	return &script{World: w, t: t}
}

// next takes a step.
func (s *script) next() step {
	s.t.Helper()
	s.steps++
	a := s.Step()
	if a.Failure != nil {
		s.t.Fatal(a.Failure)
	}
	started := len(s.History) - 1
	for s.History[started].Type() != "WorkflowTaskStarted" {
		started--
	}
	task := protocol.WorkflowTask{
		Workflow: replaytest.Workflow, Run: replaytest.RunID, Type: replaytest.Type, Queue: testQueue, Attempt: 1,
		Nonce: "nonce-" + string(rune('0'+s.steps)), Timeout: protocol.Duration(10 * time.Second),
	}
	full, sticky := task, task
	full.Events = s.History[:started+1]
	sticky.Events, sticky.After, sticky.Base = s.History[s.last:started+1], int64(s.last), s.base
	s.last, s.base = started+1, task.Nonce
	return step{task: &sticky, full: &full, want: a.Commands}
}
