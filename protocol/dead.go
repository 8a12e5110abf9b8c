package protocol

import (
	"strconv"
	"strings"
	"time"
)

// DeadLetter is a message that could not be decoded or applied, as it lies in the stream of dead letters.
type DeadLetter struct {
	// Seq is its sequence in the stream, which names it.
	Seq uint64 `json:"seq"`
	// Time is when it was given up, and Subject where it came from.
	Time    time.Time `json:"time"`
	Subject string    `json:"subject"`
	// Code and Reason say why.
	Code   Code   `json:"code,omitempty"`
	Reason string `json:"reason"`
	// Workflow and Shard are whom it was for, as far as its subject tells: a task's does not.
	Workflow string `json:"workflow_id,omitempty"`
	Shard    *int   `json:"shard,omitempty"`
	// MessageID is what it was published under, if anything, and Headers are the others that it had.
	MessageID string            `json:"message_id,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	// Size is how many bytes the message had. Cut says that not all of them could be kept: it cannot be retried.
	Size int  `json:"size"`
	Cut  bool `json:"cut,omitzero"`
	// Body is the message.
	Body []byte `json:"-"`
}

// DeadSource says what the subject of a dead letter tells: whose message it was, its shard and its kind.
func (n Namespace) DeadSource(subject string) (workflow string, shard int, ok bool) {
	rest, ours := strings.CutPrefix(subject, n.subject(""))
	parts := strings.Split(rest, ".")
	if !ours || len(parts) < 3 {
		return "", 0, false
	}
	shard, err := strconv.Atoi(parts[1])
	if err != nil {
		return "", 0, false
	}
	switch parts[0] {
	case "in", "direct":
		_, workflow, err = n.ParseInput(subject)
	case "timer":
		workflow, err = n.ParseFired(subject)
	case "hist":
		workflow, err = n.ParseHistory(subject)
	default:
		return "", 0, false
	}
	if err != nil {
		workflow = ""
	}
	return workflow, shard, true
}

// Retriable is the subject to which a dead letter from a subject is published again: its own, or the inbox in place of the direct way past
// it.
// Only what may be sent to workflows and workers is: whoever can write a dead letter must not have an operator write history by it.
func (n Namespace) Retriable(subject string) (string, bool) {
	if rest, direct := strings.CutPrefix(subject, n.subject("direct", "")); direct {
		return n.subject("in", rest), true
	}
	for _, what := range []string{"in", "task"} {
		if strings.HasPrefix(subject, n.subject(what, "")) {
			return subject, true
		}
	}
	_, err := n.ParseFired(subject)
	return subject, err == nil
}

// RetryOutcome is what became of a dead letter that was sent again.
type RetryOutcome string

// Outcomes of a retry.
const (
	RetryTaken   RetryOutcome = "taken"   // it is part of history now
	RetryRefused RetryOutcome = "refused" // it was understood, or not, and refused
	RetrySent    RetryOutcome = "sent"    // it is stored, and nobody says what becomes of it
	RetryThere   RetryOutcome = "waiting" // a task that waits already
)

// Retried says what became of a dead letter.
type Retried struct {
	Seq     uint64       `json:"seq"`
	Outcome RetryOutcome `json:"outcome"`
	Run     string       `json:"run_id,omitempty"`
	// Error is why it was refused, and BuriedAs the dead letter that it has become again.
	Error    *Error `json:"error,omitempty"`
	BuriedAs uint64 `json:"buried_as,omitzero"`
}

// Settled reports whether the letter that was retried has done its duty: the message is where it belongs, or lies in a newer letter.
func (r Retried) Settled() bool { return r.Outcome != RetryRefused || r.BuriedAs != 0 }
