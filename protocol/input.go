package protocol

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// InputKind names a kind of input, and is a token of the inbox subject, so that permissions can tell roles apart.
type InputKind string

// Kinds of inputs.
const (
	KindStart     InputKind = "start"     // clients: [StartInput]
	KindSignal    InputKind = "signal"    // clients: [SignalInput]
	KindCancel    InputKind = "cancel"    // clients: [CancelInput]
	KindTerminate InputKind = "terminate" // clients: [TerminateInput]
	KindUpdate    InputKind = "update"    // clients: [UpdateInput]
	KindPause     InputKind = "pause"     // clients: [PauseInput]
	KindReset     InputKind = "reset"     // clients: [ResetInput]
	KindActivity  InputKind = "activity"  // clients: [ActivityInput]
	KindDelete    InputKind = "delete"    // clients: [DeleteInput]
	KindResult    InputKind = "result"    // workers: [ActivityResult]
	KindStarted   InputKind = "started"   // workers: [ActivityStarted]
	KindReady     InputKind = "ready"     // workers: [WorkerReady]
	KindSession   InputKind = "session"   // workers: the [SignalInput] that offers a session
	KindAnswer    InputKind = "answer"    // orchestrators: [AnswerInput]
	KindChild     InputKind = "child"     // orchestrators: [ChildInput]
	KindTimer     InputKind = "timer"     // the timers stream or the owner's clock: [TimerInput]; never in an inbox
)

// Input is what the world tells a workflow.
type Input struct {
	// Seq is the input's sequence in the shard's inbox; zero for a timer.
	Seq uint64
	// Time is when the input was stored.
	Time time.Time
	// Workflow is the ID of the workflow that is told.
	Workflow string
	// ID is the message ID under which the input was published: the request ID of a client's request.
	ID string
	// Once says that nobody else asks under this ID, neither before nor after. A message of the inbox does not say so.
	Once bool
	// Reply is the subject that wants to know what became of the input; empty when nobody does.
	Reply string
	// Body is what is said.
	Body InputBody
}

// InputBody is one of StartInput, SignalInput, CancelInput, TerminateInput, UpdateInput, PauseInput, ResetInput, ActivityInput,
// DeleteInput, ActivityResult, ActivityStarted, WorkerReady, AnswerInput, ChildInput and TimerInput.
type InputBody interface {
	// InputKind names the kind of input that the body belongs to.
	InputKind() InputKind
}

// StartInput starts a run.
type StartInput struct {
	// Type is the workflow type, such as "shop.Checkout".
	Type string `json:"type"`
	// ID is the workflow ID. Made up when empty, by whoever takes the request.
	ID string `json:"id,omitempty"`
	// Queue is the task queue whose workers run the workflow. Required.
	Queue string `json:"queue"`
	// Input is the workflow's argument.
	Input Payload `json:"input,omitzero"`
	// Run is the ID that the new run gets; whoever takes the request makes it up.
	Run string `json:"run_id,omitempty"`
	// RequestID makes a repeated request harmless: the same one always answers with the same run.
	RequestID string `json:"request_id,omitempty"`
	// Reuse says whether the ID of a run that has ended may be used again, and Conflict what to do when one is open.
	Reuse    ReusePolicy    `json:"reuse_policy,omitempty"`
	Conflict ConflictPolicy `json:"conflict_policy,omitempty"`
	// Delay is how long the first step waits. Neither signals nor anything else wakes the run before.
	Delay Duration `json:"start_delay,omitzero"`
	// ExecutionTimeout limits the chain of runs that follow each other, RunTimeout each of them, TaskTimeout each step.
	ExecutionTimeout Duration `json:"execution_timeout,omitzero"`
	RunTimeout       Duration `json:"run_timeout,omitzero"`
	TaskTimeout      Duration `json:"task_timeout,omitzero"`
	// RetryPolicy says whether a run that fails or times out is followed by another try. Nil: it is not.
	RetryPolicy *RetryPolicy `json:"retry_policy,omitempty"`
	// Activity, when set, makes this the start of an activity that runs alone, without a workflow. Type is then the activity's, and the
	// options' queue may be left out.
	Activity *ActivityOptions `json:"activity,omitempty"`
	// Signal, when set, makes this a signal-with-start: the open run gets the signal, or a new one that begins with it.
	Signal *SignalInput `json:"signal,omitempty"`
	// Update, when set, makes this an update-with-start: the open run is asked for the update, or a new one. The verdict tells
	// what became of it.
	Update *UpdateInput `json:"update,omitempty"`
	// PinnedVersion has the run stay with one version of the workers' code from its first step on.
	PinnedVersion string             `json:"pinned_version,omitempty"`
	Memo          map[string]Payload `json:"memo,omitempty"`
	// SearchAttributes are what the run can be found by.
	SearchAttributes map[string]Payload `json:"search_attributes,omitempty"`
	Headers          map[string]string  `json:"headers,omitempty"`
	Identity         string             `json:"identity,omitempty"`
	// From is the workflow that asks, if it is one, and Parent the one whose child the run is. Root is the run that began it all.
	// Only orchestrators say so.
	From   *Origin    `json:"from,omitempty"`
	Parent *Origin    `json:"parent,omitempty"`
	Root   *Execution `json:"root,omitempty"`
}

// SignalInput hands a value to the open run.
type SignalInput struct {
	Run       string  `json:"run_id,omitempty"`       // only this run, when set
	FirstRun  string  `json:"first_run_id,omitempty"` // only a run of the chain that began with this one, when set
	Name      string  `json:"signal"`
	Input     Payload `json:"input,omitzero"`
	RequestID string  `json:"request_id,omitempty"`
	Identity  string  `json:"identity,omitempty"`
	From      *Origin `json:"from,omitempty"` // the workflow that sends it; only orchestrators say so
	// Headers are what the sender attached.
	Headers map[string]string `json:"headers,omitempty"`
}

// CancelInput asks the open run to stop.
type CancelInput struct {
	Run       string  `json:"run_id,omitempty"`
	FirstRun  string  `json:"first_run_id,omitempty"`
	Reason    string  `json:"reason,omitempty"`
	RequestID string  `json:"request_id,omitempty"`
	Identity  string  `json:"identity,omitempty"`
	From      *Origin `json:"from,omitempty"`
}

// TerminateInput ends the open run without asking it.
type TerminateInput struct {
	Run      string  `json:"run_id,omitempty"`
	FirstRun string  `json:"first_run_id,omitempty"`
	Reason   string  `json:"reason,omitempty"`
	Details  Payload `json:"details,omitzero"`
	Identity string  `json:"identity,omitempty"`
	From     *Origin `json:"from,omitempty"`
}

// PauseInput stops the open run before its next step, or lets it go on.
type PauseInput struct {
	Run       string `json:"run_id,omitempty"`
	Resume    bool   `json:"resume,omitzero"` // let it go on
	Reason    string `json:"reason,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	Identity  string `json:"identity,omitempty"`
}

// ResetInput starts a run that repeats the beginning of another one, and ends the open run if there is one.
type ResetInput struct {
	// Run is the run to repeat; the latest when empty.
	Run string `json:"run_id,omitempty"`
	// Event is the step to take anew: the ID of its WorkflowTaskStarted, or of the event that ended it.
	Event int64 `json:"event_id"`
	// NewRun is the ID of the new run; whoever takes the request makes it up.
	NewRun string `json:"new_run_id,omitempty"`
	// DropSignals leaves out the signals that the run got after the step. Without it they follow in the new run.
	DropSignals bool   `json:"drop_signals,omitzero"`
	Reason      string `json:"reason,omitempty"`
	RequestID   string `json:"request_id,omitempty"`
	Identity    string `json:"identity,omitempty"`
}

// DeleteInput removes a run that has ended, and those of its workflow that were before it. It leaves no event: nothing is left that could
// have one. Whoever takes the request names the run, so that the same request cannot remove another run later.
type DeleteInput struct {
	Run string `json:"run_id"`
}

// TimerInput says that a wake-up came. With Task it is the end of a retry's wait; without, the workflow looks at its own
// deadlines and ignores the call when none has passed.
//
// Due is when the workflow wants to be woken. The wake-up may come a moment before: it is held until then.
type TimerInput struct {
	Task *ActivityTask `json:"task,omitempty"`
	Due  time.Time     `json:"due,omitzero"`
}

// NeedsInbox reports whether an input must lie in the inbox until it is done, and cannot come directly: a termination has no request ID by
// which it would be known again, and the failure of whichever attempt there is may leave no event with its own; and what takes more than
// one record, because it ends a run before it begins another, would be half done for ever if node and sender died in between.
func NeedsInbox(b InputBody) bool {
	switch b := b.(type) {
	case TerminateInput, ResetInput:
		return true
	case StartInput:
		return b.Conflict == ConflictTerminate
	case ActivityResult:
		return b.Latest
	}
	return false
}

// InputKind implements [InputBody].
func (in StartInput) InputKind() InputKind {
	return from(KindStart, in.From != nil || in.Parent != nil || in.Root != nil)
}

// InputKind implements [InputBody].
func (in SignalInput) InputKind() InputKind {
	if isSessionSignal(in.Name) {
		return from(KindSession, in.From != nil)
	}
	return from(KindSignal, in.From != nil)
}

// InputKind implements [InputBody].
func (in CancelInput) InputKind() InputKind { return from(KindCancel, in.From != nil) }

// InputKind implements [InputBody].
func (in TerminateInput) InputKind() InputKind { return from(KindTerminate, in.From != nil) }

// InputKind implements [InputBody].
func (PauseInput) InputKind() InputKind { return KindPause }

// InputKind implements [InputBody].
func (ResetInput) InputKind() InputKind { return KindReset }

// InputKind implements [InputBody].
func (DeleteInput) InputKind() InputKind { return KindDelete }

// InputKind implements [InputBody].
func (ActivityResult) InputKind() InputKind { return KindResult }

// InputKind implements [InputBody].
func (ActivityStarted) InputKind() InputKind { return KindStarted }

// InputKind implements [InputBody].
func (WorkerReady) InputKind() InputKind { return KindReady }

// InputKind implements [InputBody].
func (TimerInput) InputKind() InputKind { return KindTimer }

// fromWorkflow ends the kind of an input in which an orchestrator speaks for a workflow, so that nobody else can.
const fromWorkflow = "-from"

func from(kind InputKind, workflow bool) InputKind {
	if workflow {
		return kind + fromWorkflow
	}
	return kind
}

// From is the kind of such an input when a workflow asks for it: a start, a signal, a cancellation or a termination.
func (k InputKind) From() InputKind { return from(k, true) }

// DecodeInput reads the body of an input of the given kind. One that is of another kind, such as the start of a child that came as that of
// a client, is refused: whoever sent it may not be allowed to send the other kind.
func DecodeInput(kind InputKind, data []byte) (InputBody, error) {
	body, err := decodeInput(InputKind(strings.TrimSuffix(string(kind), fromWorkflow)), data)
	if err == nil && body.InputKind() != kind {
		return nil, Errorf(CodeBadRequest, "a %s came as a %s", body.InputKind(), kind).
			WithHint("only orchestrators speak for workflows; PROTOCOL.md, section 4, says which subject is whose")
	}
	return body, err
}

func decodeInput(kind InputKind, data []byte) (InputBody, error) {
	switch kind {
	case KindStart:
		return decodeBody[StartInput](data)
	case KindSignal, KindSession:
		return decodeBody[SignalInput](data)
	case KindCancel:
		return decodeBody[CancelInput](data)
	case KindTerminate:
		return decodeBody[TerminateInput](data)
	case KindUpdate:
		return decodeBody[UpdateInput](data)
	case KindPause:
		return decodeBody[PauseInput](data)
	case KindReset:
		return decodeBody[ResetInput](data)
	case KindActivity:
		return decodeBody[ActivityInput](data)
	case KindDelete:
		return decodeBody[DeleteInput](data)
	case KindResult:
		return decodeResult(data)
	case KindStarted:
		return decodeBody[ActivityStarted](data)
	case KindReady:
		return decodeBody[WorkerReady](data)
	case KindAnswer:
		return decodeBody[AnswerInput](data)
	case KindChild:
		return decodeBody[ChildInput](data)
	case KindTimer:
		return decodeBody[TimerInput](data)
	}
	return nil, Errorf(CodeUnsupported, "unknown kind of input %.40q", kind)
}

func decodeBody[T InputBody](data []byte) (InputBody, error) {
	var v T
	if len(data) == 0 {
		return v, nil
	}
	if err := Shallow(data); err != nil {
		return nil, err
	}
	if err := Unmarshal(data, &v); err != nil {
		return nil, Errorf(CodeBadRequest, "the body of a %s cannot be read: %s", v.InputKind(), misfit(err)).
			WithHint("PROTOCOL.md shows every body")
	}
	return v, nil
}

// decodeResult reads how an attempt ended. That counts whatever the worker foresaw: it may be newer, and speak of commands that this
// program does not know.
func decodeResult(data []byte) (InputBody, error) {
	body, err := decodeBody[ActivityResult](data)
	if err == nil {
		return body, nil
	}
	var alone struct {
		ActivityResult

		Next jsontext.Value `json:"next"`
	}
	if Unmarshal(data, &alone) != nil {
		return nil, err
	}
	return alone.ActivityResult, nil
}

// Verdict is what became of an input, sent to its reply subject once it is recorded.
type Verdict struct {
	// ID and Run are the workflow and run that took the input.
	ID  string `json:"id,omitempty"`
	Run string `json:"run_id,omitempty"`
	// Existing says that a start found its run open, and started none.
	Existing bool `json:"existing,omitzero"`
	// Outcome is how the run ended, if a start's run ended in its first step.
	Outcome *Outcome `json:"outcome,omitempty"`
	// Error is why the input was refused; nothing of it was recorded then.
	Error *Error `json:"error,omitempty"`
	// Update is what became of an update so far.
	Update *UpdateOutcome `json:"update,omitempty"`
	// Worker and Nonce, after a signal or an update, are those of the record that the input led to, if a worker took the step and has the
	// run in its cache: a query by the same client need not read them. Worker is a [WorkerKey].
	Worker string `json:"worker,omitempty"`
	Nonce  string `json:"nonce,omitempty"`
}

// Outcome is how a run ended.
type Outcome struct {
	ID     string  `json:"id"`
	Run    string  `json:"run_id"`
	Status Status  `json:"status"`
	Result Payload `json:"result,omitzero"`
	// Failure is set for every status but Completed, ContinuedAsNew and Running.
	Failure *Failure `json:"failure,omitempty"`
	// Next is the run that goes on in this one's place: after a continue-as-new, or to try again. Empty when the chain has ended.
	Next string `json:"next_run_id,omitempty"`
}
