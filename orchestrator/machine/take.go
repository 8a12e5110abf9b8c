package machine

import (
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// take drafts inputs in order, up to one that must wait for a step of its own.
func (t *Turn) take(inputs []protocol.Input) {
	for i, in := range inputs {
		if !t.takeOne(in) {
			t.left = len(inputs) - i
			return
		}
		if in.Seq != 0 && !t.w.Consumed(in.Seq) {
			t.consumed = append(slices.Clip(t.consumed), in.Seq)
		}
	}
}

// takeOne drafts one input, or reports false if it must wait.
func (t *Turn) takeOne(in protocol.Input) bool {
	switch b := in.Body.(type) {
	case protocol.StartInput:
		return t.takeStart(in, b)
	case succession:
		t.takeSuccession(b)
	case protocol.SignalInput:
		t.takeSignal(in, b)
	case protocol.CancelInput:
		t.takeCancel(in, b)
	case protocol.TerminateInput:
		t.takeTerminate(in, b)
	case protocol.UpdateInput:
		t.takeUpdate(in, b, false)
	case protocol.PauseInput:
		t.takePause(in, b)
	case protocol.ActivityInput:
		t.takeActivity(in, b)
	case Reset:
		return t.takeReset(in, b)
	case protocol.ActivityResult:
		t.takeResult(in, b)
	case protocol.ActivityStarted:
		t.takeStarted(b)
	case protocol.AnswerInput:
		t.takeAnswer(b)
	case protocol.ChildInput:
		t.takeChild(b)
	case protocol.WorkerReady:
		t.takeReady(in, b)
	case protocol.TimerInput:
		t.takeTimer(b)
	}
	return true
}

func (t *Turn) reply(in protocol.Input, v protocol.Verdict) {
	if from := in.From(); in.Reply != "" || from != nil {
		v.ID = t.w.ID
		t.verdicts = append(t.verdicts, Reply{
			Subject: in.Reply, Origin: from, Verdict: v, Traceless: t.traceless(in, v), Seq: in.Seq, asks: asks(in, v),
		})
	}
}

// asks reports whether a verdict is for somebody who changed what a run's code can be asked about.
func asks(in protocol.Input, v protocol.Verdict) bool {
	kind := in.Body.InputKind()
	return in.Reply != "" && v.Error == nil && (kind == protocol.KindSignal || kind == protocol.KindUpdate)
}

func (t *Turn) accept(in protocol.Input) { t.reply(in, protocol.Verdict{Run: t.run.ID()}) }

func (t *Turn) refuse(in protocol.Input, err *protocol.Error) {
	t.reply(in, protocol.Verdict{Error: err})
}

// target checks that the input speaks to the open run, and refuses it otherwise.
func (t *Turn) target(in protocol.Input, run, first string) bool {
	if err := misses(t.w.ID, t.run, run, first); err != nil {
		t.refuse(in, err)
		return false
	}
	return true
}

// misses says why an input does not reach an open run: it can name the run, or the first one of the run's chain.
func misses(id string, r *Run, run, first string) *protocol.Error {
	switch {
	case r == nil:
		return protocol.Errorf(protocol.CodeNotFound, "there is no workflow %q", id).
			WithHint("check the ID: `millrace list` shows what there is")
	case run != "" && run != r.ID():
		return protocol.Errorf(protocol.CodeNotFound, "workflow %q has no open run %.80s", id, run).
			WithHint("leave the run ID out to speak to the latest run")
	case first != "" && first != r.FirstRun():
		return protocol.Errorf(protocol.CodeNotFound, "workflow %q has no open run that followed from run %.80s", id, first).
			WithHint("leave the first run's ID out to speak to the latest run")
	case !r.Open():
		return protocol.Errorf(protocol.CodeClosed, "workflow %q has ended (%s)", id, r.Status).
			WithHint("`millrace show %s` tells how; a new run can be started under the same ID", id)
	}
	return nil
}

// repeated recognises a request that was recorded before, and accepts it again without an event.
func (t *Turn) repeated(in protocol.Input, requestID string) bool {
	run, ok := t.run.took(requestID)
	if ok {
		t.reply(in, protocol.Verdict{Run: run})
	}
	return ok
}

func (t *Turn) takeSignal(in protocol.Input, b protocol.SignalInput) {
	if b.Name == "" {
		t.refuse(in, protocol.Errorf(protocol.CodeBadRequest, "a signal needs a name").WithHint(`"signal": "approve"`))
		return
	}
	if t.repeated(in, b.RequestID) || !t.target(in, b.Run, b.FirstRun) {
		return
	}
	if !t.hasCode(in, "takes no signals", "`millrace activity` shows what can be done to it") {
		return
	}
	t.signal(b)
	t.accept(in)
}

func (t *Turn) signal(b protocol.SignalInput) {
	t.event(protocol.WorkflowExecutionSignaled{
		Name: b.Name, Input: b.Input, RequestID: b.RequestID, Identity: b.Identity, From: b.From, Headers: b.Headers,
	})
}

func (t *Turn) takeCancel(in protocol.Input, b protocol.CancelInput) {
	if t.repeated(in, b.RequestID) || !t.target(in, b.Run, b.FirstRun) {
		return
	}
	if !t.run.CancelRequested {
		t.event(protocol.WorkflowExecutionCancelRequested{
			Reason: b.Reason, RequestID: b.RequestID, Identity: b.Identity, From: b.From,
		})
		if t.run.alone() {
			t.cancelAlone()
		}
	}
	t.accept(in)
}

func (t *Turn) takeTerminate(in protocol.Input, b protocol.TerminateInput) {
	if !t.target(in, b.Run, b.FirstRun) {
		return
	}
	t.event(protocol.WorkflowExecutionTerminated{Reason: b.Reason, Details: b.Details, Identity: b.Identity})
	t.accept(in)
}

// takeReady notes a worker that can take the step which waits in the task stream. The worker waits for a word that this is over.
func (t *Turn) takeReady(in protocol.Input, b protocol.WorkerReady) {
	t.reply(in, protocol.Verdict{Run: b.Run})
	if t.run.Open() && t.run.ID() == b.Run && t.run.wants() {
		t.ready, t.wanted = b.Worker, true
	}
}

// takeTimer resumes an activity whose wait for a retry is over. A wake-up without a task only makes the turn look at the
// deadlines, which every turn does, and at a workflow task that nobody took: the node that knew when to try again may
// have died.
func (t *Turn) takeTimer(b protocol.TimerInput) {
	switch {
	case !t.run.Open():
	case b.Task == nil:
		t.wanted, t.woken = true, true
	case t.run.ID() == b.Task.Run:
		t.resume(*b.Task)
	}
}
