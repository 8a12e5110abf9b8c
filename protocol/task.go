package protocol

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// WorkflowTask asks a worker to take one step of a run. It travels as a core request to one worker's own subject when that
// worker holds the run in its cache, else to the queue group.
type WorkflowTask struct {
	Workflow string `json:"workflow_id"`
	Run      string `json:"run_id"`
	Type     string `json:"workflow_type"`
	// Queue is where the task was offered: the run's task queue, or a version of it; see [VersionQueue].
	Queue string `json:"queue"`
	// Attempt counts from 1 and grows while the step fails.
	Attempt int `json:"attempt"`
	// Nonce is what the step's record will carry if it is recorded. A worker remembers it next to its cached run.
	Nonce string `json:"nonce"`
	// Base is the nonce of the last step that a worker answered and that was recorded. A worker whose cached run was
	// left by any other step must forget it and answer cache_miss: what it saw may never have happened.
	// Empty when the task carries the whole history.
	Base string `json:"base,omitempty"`
	// Last, in a task with the whole history, is the nonce that Base would be: a worker whose cached run was left by that step need not
	// replay.
	Last string `json:"last,omitempty"`
	// After is the event before the first of Events; zero when the task carries the whole history.
	After int64 `json:"after,omitzero"`
	// Omitted, when not zero, says that the events up to this ID are too large for one message: the worker asks the
	// control API's history endpoint for them. After is then zero and Events begin with Omitted+1.
	Omitted int64 `json:"omitted,omitzero"`
	// Recorded, when not zero, says that the events from After+1 to it are left out: they are what became of the last answer of the worker
	// that is asked, which said that it keeps the run: its WorkflowTaskCompleted, and an event for each command.
	Recorded int64 `json:"recorded,omitzero"`
	// Events end with the WorkflowTaskStarted of this step. The last of them are not recorded yet.
	Events []Event `json:"events"`
	// Updates are the ones to hand to the code once it has seen the events, in order. Each wants an answer: AcceptUpdate, or
	// a rejection.
	Updates []UpdateCall `json:"updates,omitempty"`
	// Query, when set, says that no step is to be taken: the events, if any, are all recorded, and the code as they left it is to
	// answer a question.
	Query *WorkflowQuery `json:"query,omitempty"`
	// Timeout is how long the worker may take to answer.
	Timeout Duration `json:"timeout"`
}

// WorkflowQuery is a question to the code of a run.
type WorkflowQuery struct {
	Name  string  `json:"name"`
	Input Payload `json:"input,omitzero"`
	// Headers are what the asker attached.
	Headers map[string]string `json:"headers,omitempty"`
}

// QueryTask asks a worker about a run that it has in its cache, whatever step the run is at: the [WorkflowTaskAnswer] says at which by its
// Nonce. A worker that has it not answers cache_miss.
//
// On the same subject, because it must not come after a question that was asked later, the worker hears that it was overtaken; nobody waits
// for an answer to that.
type QueryTask struct {
	Workflow string        `json:"workflow_id"`
	Run      string        `json:"run_id"`
	Query    WorkflowQuery `json:"query,omitzero"`
	// Overtaken, when true, asks nothing: a record is about to be stored of a step that was not taken from this worker's cache, or of none.
	// The worker must forget the run, unless it was left by the step of the nonce Unless, which is that record's and this worker's own.
	Overtaken bool   `json:"overtaken,omitzero"`
	Unless    string `json:"unless,omitempty"`
}

// WorkflowQueryAnswer is what the code answered: a result or a failure.
type WorkflowQueryAnswer struct {
	Result  Payload  `json:"result,omitzero"`
	Failure *Failure `json:"failure,omitempty"`
}

// Refusal says why a worker did not take a workflow task. A refused task costs nothing and is offered elsewhere.
type Refusal string

// Refusals of a workflow task.
const (
	RefusalBusy      Refusal = "busy"       // every slot is taken
	RefusalCacheMiss Refusal = "cache_miss" // the run is not, or not as the task assumes, in the cache: send the whole history
	RefusalDraining  Refusal = "draining"   // the worker is about to stop
)

// WorkflowTaskAnswer is a worker's reply to a [WorkflowTask]: commands, a failure or a refusal.
type WorkflowTaskAnswer struct {
	// Worker is the ID of the worker that answers.
	Worker string `json:"worker"`
	// SDK is the worker's SDK name and version.
	SDK string `json:"sdk,omitempty"`
	// Version is that of the worker's code, and Pinned says that the run must stay with it.
	Version string `json:"version,omitempty"`
	Pinned  bool   `json:"pinned,omitzero"`
	// Progress, when true, says only that the worker is alive and still at it; the answer follows.
	Progress bool `json:"progress,omitzero"`
	// Refusal is set when the task was not taken.
	Refusal Refusal `json:"refusal,omitempty"`
	// Commands are what the workflow's code asked for, in order. None means that it waits.
	Commands []Command `json:"commands,omitempty"`
	// Takes are the IDs of activities among the commands that the worker has a free slot for. The orchestrator may hand their first
	// attempts to it once the step is recorded, instead of putting them on the queue; see [HandOver].
	Takes []string `json:"takes,omitempty"`
	// Keeps says that the worker has the run in its cache, and can do without being told what became of its commands.
	Keeps bool `json:"keeps,omitzero"`
	// Rejections are the updates that the code refused. They leave no event, except for updates that had been admitted, which a
	// command rejects.
	Rejections []UpdateRejection `json:"rejections,omitempty"`
	// Query answers a question in place of a step.
	Query *WorkflowQueryAnswer `json:"query,omitempty"`
	// Nonce, in the answer to a [QueryTask], is that of the step which left the run as it answered. It may not be recorded.
	Nonce string `json:"nonce,omitempty"`
	// HeardOn, beside it, is the ID of the NATS server through which the worker has heard, without a gap since before it answered for
	// that step, whatever was sent to it. It is empty when there may have been a gap.
	HeardOn string `json:"heard_on,omitempty"`
	// Failure and Cause are set when the step could not be taken; the run stays as it was and the step is tried again.
	Failure *Failure        `json:"failure,omitempty"`
	Cause   TaskFailedCause `json:"cause,omitempty"`
}

// WorkerReady is a worker's word that it can take a workflow task which waited in the task stream. It goes to the
// workflow's inbox; the task itself follows by core request to the worker's own subject.
type WorkerReady struct {
	Run         string `json:"run_id"`
	ScheduledID int64  `json:"scheduled_event_id"`
	Worker      string `json:"worker"`
}

// QueuedWorkflowTask is the body of a workflow task in the task stream: a call for a worker when none was there.
type QueuedWorkflowTask struct {
	Workflow    string `json:"workflow_id"`
	Run         string `json:"run_id"`
	Type        string `json:"workflow_type"`
	ScheduledID int64  `json:"scheduled_event_id"`
}

// ActivityTask is the body of an activity task in the task stream.
type ActivityTask struct {
	Workflow     string  `json:"workflow_id"`
	Run          string  `json:"run_id"`
	WorkflowType string  `json:"workflow_type"`
	ScheduledID  int64   `json:"scheduled_event_id"`
	ActivityID   string  `json:"activity_id"`
	Type         string  `json:"activity_type"`
	Queue        string  `json:"queue"`
	Input        Payload `json:"input,omitzero"`
	// Attempt counts from 1. A task that the broker delivers again, because its worker died, counts as a further
	// attempt: the worker adds the number of earlier deliveries.
	Attempt int `json:"attempt"`
	// Forgiven counts the attempts before that do not count, and Reset is the ActivityTaskReset that held when the attempt was due.
	// Whoever reports of the attempt repeats both.
	Forgiven int   `json:"forgiven_attempts,omitzero"`
	Reset    int64 `json:"reset_event_id,omitzero"`
	// Dropped is the last ActivityTaskReset that dropped heartbeats: those with an earlier Reset are not for this attempt.
	Dropped int64 `json:"dropped_event_id,omitzero"`
	// MaximumAttempts is the policy's limit; zero means none.
	MaximumAttempts int       `json:"maximum_attempts,omitzero"`
	ScheduledTime   time.Time `json:"scheduled_time"`
	// StartBy is when the attempt must have begun; zero means any time. Who takes it in time says so with [ActivityStarted].
	StartBy time.Time `json:"start_by,omitzero"`
	// Deadline is the schedule-to-close deadline; zero means none.
	Deadline     time.Time         `json:"deadline,omitzero"`
	StartToClose Duration          `json:"start_to_close_timeout,omitzero"`
	Heartbeat    Duration          `json:"heartbeat_timeout,omitzero"`
	Headers      map[string]string `json:"headers,omitempty"`
	// LastFailure is why the attempt before this one failed.
	LastFailure *Failure `json:"last_failure,omitempty"`
	// HandedTo is the worker that got the attempt from its orchestrator, without the queue; see [HandOver].
	HandedTo string `json:"handed_to,omitempty"`
}

// HandOver gives a worker the attempts that it said it takes, on the subject of its own, once the step that scheduled them is
// recorded. It is not stored, and not answered. With Ask in place of Tasks the worker is asked which of some attempts of a run it still
// has, and answers with [ActivityHeld]; it does not begin the others.
//
// Next is set when the one attempt of Tasks is all that the run waits for: see [Foresight].
type HandOver struct {
	Tasks []ActivityTask    `json:"tasks,omitempty"`
	Next  *Foresight        `json:"next,omitempty"`
	Run   string            `json:"run_id,omitempty"`
	Ask   []ActivityAttempt `json:"ask,omitempty"`
}

// ActivityResult is how an attempt ended: with a result, or with a failure. It goes to the workflow's inbox.
type ActivityResult struct {
	Run         string `json:"run_id"`
	ScheduledID int64  `json:"scheduled_event_id"`
	Attempt     int    `json:"attempt"`
	Forgiven    int    `json:"forgiven_attempts,omitzero"`
	Reset       int64  `json:"reset_event_id,omitzero"`
	// Latest is as in an [ActivityToken].
	Latest bool `json:"latest,omitzero"`
	// Scheduled repeats the task's ScheduledTime. History may have lost its end, and another activity have been scheduled by the same
	// event: then the result is not that one's.
	Scheduled time.Time `json:"scheduled_time,omitzero"`
	Worker    string    `json:"worker"`
	Started   time.Time `json:"started"`
	Result    Payload   `json:"result,omitzero"`
	Failure   *Failure  `json:"failure,omitempty"`
	// Interrupted says that the attempt failed because it was asked to make way, by a pause or a reset: it does not count.
	Interrupted bool `json:"interrupted,omitzero"`
	// LastFailure repeats the task's, so that history can tell it.
	LastFailure *Failure `json:"last_failure,omitempty"`
	// RequestID makes a repeated completion from outside harmless: the same one is always answered alike.
	RequestID string `json:"request_id,omitempty"`
	// Next is the step that the worker foresaw.
	Next *ForeseenStep `json:"next,omitempty"`
}

// Foresight is what a worker needs to know of a step that was recorded as it answered it, to take the next one by itself when the activity
// has succeeded: whatever happens else comes after that, or the worker has foreseen wrongly. The events of its commands have the IDs that
// follow CompletedID.
type Foresight struct {
	// Base is the step's nonce, CompletedID its WorkflowTaskCompleted, LastID its last event, and Time that event's time.
	Base        string    `json:"base"`
	CompletedID int64     `json:"workflow_task_completed_event_id"`
	LastID      int64     `json:"last_event_id"`
	Time        time.Time `json:"time"`
	// HistorySize and SuggestContinueAsNew are what the WorkflowTaskStarted of the next step will say.
	HistorySize          int64 `json:"history_size"`
	SuggestContinueAsNew bool  `json:"suggest_continue_as_new,omitzero"`
}

// ForeseenStep is a worker's answer to a workflow task that nobody has sent: the one that follows from the activity's result if nothing
// else has happened meanwhile. The orchestrator takes the answer if it comes to the very same task, and else sends that; the worker must
// then forget the run as the step left it, as after any step that was not recorded.
type ForeseenStep struct {
	// Nonce is made up by the worker, and becomes that of the record. Base is the nonce of the step before, and ScheduledID the event of
	// the workflow task: both say what the worker took for the past.
	Nonce       string `json:"nonce"`
	Base        string `json:"base"`
	ScheduledID int64  `json:"scheduled_event_id"`
	// Time is that of the step: the time of the last record, and what has passed since it came, by the worker's clock.
	Time   time.Time          `json:"time"`
	Answer WorkflowTaskAnswer `json:"answer"`
}

// ActivityStarted says that an attempt began, when somebody must know: see [ActivityTaskStarted]. It goes to the workflow's inbox.
type ActivityStarted struct {
	Run         string   `json:"run_id"`
	ScheduledID int64    `json:"scheduled_event_id"`
	Attempt     int      `json:"attempt"`
	Forgiven    int      `json:"forgiven_attempts,omitzero"`
	Worker      string   `json:"worker"`
	Async       bool     `json:"async,omitzero"` // somebody else completes the attempt
	LastFailure *Failure `json:"last_failure,omitempty"`
}

// QueuedActivity is an attempt of an activity as it lies in the task stream.
type QueuedActivity struct {
	// Subject is where it lies.
	Subject string
	// Task is empty if it cannot be read.
	Task ActivityTask
	// Taken says that a worker was given it, which may have it still.
	Taken bool
}

// ActivityToken names an attempt of an activity to whoever completes it.
type ActivityToken struct {
	Workflow    string `json:"workflow_id"`
	Run         string `json:"run_id"`
	ScheduledID int64  `json:"scheduled_event_id"`
	Attempt     int    `json:"attempt"`
	Forgiven    int    `json:"forgiven_attempts,omitzero"`
	Reset       int64  `json:"reset_event_id,omitzero"`
	// Latest says that a later attempt is meant, if there is one by then: whoever made the token knows the activity, not the attempt.
	Latest bool `json:"latest,omitzero"`
}

// Number counts every attempt, whether it counts for the retry policy or not: no two attempts of an activity share one.
func (t ActivityTask) Number() int { return t.Attempt + t.Forgiven }

// Number counts every attempt; see [ActivityTask.Number].
func (r ActivityResult) Number() int { return r.Attempt + r.Forgiven }

// Number counts every attempt; see [ActivityTask.Number].
func (s ActivityStarted) Number() int { return s.Attempt + s.Forgiven }

// Number counts every attempt; see [ActivityTask.Number].
func (t ActivityToken) Number() int { return t.Attempt + t.Forgiven }

// Validate reports what no task may be without: whoever runs it could not say what came of it.
func (t ActivityTask) Validate() error {
	if t.ScheduledID < 1 || t.Attempt < 1 || t.Forgiven < 0 {
		return Errorf(CodeBadRequest, "an activity task without an event or an attempt")
	}
	return errors.Join(ValidateID("workflow ID", t.Workflow), ValidateToken("run ID", t.Run))
}

// Validate is as for an activity task.
func (t QueuedWorkflowTask) Validate() error {
	return errors.Join(ValidateID("workflow ID", t.Workflow), ValidateToken("run ID", t.Run))
}

// String writes the token as one word.
func (t ActivityToken) String() string {
	data, _ := json.Marshal(t) //nolint:errchkjson // strings and numbers
	return base64.RawURLEncoding.EncodeToString(data)
}

// ParseActivityToken reads a token.
func ParseActivityToken(s string) (ActivityToken, error) {
	var t ActivityToken
	data, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = Unmarshal(data, &t)
	}
	if err != nil || t.Workflow == "" || t.Run == "" {
		return t, Errorf(CodeBadRequest, "%.40q is no activity token", s).WithHint("pass what activity.Token returned, unchanged")
	}
	return t, nil
}

// CancelActivity tells the workers of a queue to stop an activity, or, when ScheduledID is zero, every activity of a run that has
// ended; it is broadcast and not stored.
type CancelActivity struct {
	Run         string `json:"run_id"`
	ScheduledID int64  `json:"scheduled_event_id,omitzero"`
	// Why tells how the attempt should end; a cancellation when empty.
	Why StopReason `json:"why,omitempty"`
	// Attempts belong to a recall: those of the run that are about to be taken off the queue. Stop says why those that run should stop;
	// they may have begun since they were told the first time. Empty: they should not.
	Attempts []ActivityAttempt `json:"attempts,omitempty"`
	Stop     StopReason        `json:"stop,omitempty"`
}

// StopReason says why an attempt should stop.
type StopReason string

// Reasons to stop.
const (
	StopCanceled StopReason = "canceled" // the same as none
	StopPaused   StopReason = "paused"   // the activity was paused
	StopReset    StopReason = "reset"    // the activity begins anew
	// StopRecall asks each worker which of the attempts it runs, with an [ActivityHeld] for an answer; it will not begin
	// the others either.
	StopRecall StopReason = "recall"
)

// ActivityAttempt names an attempt of an activity of a run.
type ActivityAttempt struct {
	ScheduledID int64 `json:"scheduled_event_id"`
	Number      int   `json:"number"` // see [ActivityTask.Number]
}

// ActivityHeld answers a recall: which of the attempts run here.
type ActivityHeld struct {
	Held []ActivityAttempt `json:"held"`
}
