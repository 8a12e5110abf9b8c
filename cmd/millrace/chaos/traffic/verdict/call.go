package verdict

import (
	"encoding/json"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Op is what a client asks for.
type Op string

// What clients ask for.
const (
	OpStart  Op = "start"
	OpSignal Op = "signal"
	OpUpdate Op = "update"
	OpQuery  Op = "query"
	OpCancel Op = "cancel"
	OpWait   Op = "wait" // for the result
)

// Answer is what a client heard.
type Answer string

// What clients hear.
const (
	// Acked: it was done.
	Acked Answer = "acked"
	// Refused: it was not done, and will not be.
	Refused Answer = "refused"
	// Unknown: it may have been done, or may be done later.
	Unknown Answer = "unknown"
)

// Call is something that a client asked for, and what it heard. A request that was repeated under its ID is one call.
type Call struct {
	Client   int    `json:"client"`
	Op       Op     `json:"op"`
	Workflow string `json:"workflow_id"`
	// Shard is that of the workflow.
	Shard int `json:"shard"`
	// Name is that of the signal, update or query, or the type of the workflow.
	Name string `json:"name,omitempty"`
	// ID is the request ID, or that of the update.
	ID string `json:"id,omitempty"`
	// Number is what the signal or the update carries: the sender's count of its signals, or what is added to a register.
	Number int `json:"number,omitzero"`
	// Conflict is what a start wants if a run is open.
	Conflict protocol.ConflictPolicy `json:"conflict_policy,omitempty"`

	// Begun and Ended are when, by the client's monotonic clock, since the load began.
	Begun time.Duration `json:"begun"`
	Ended time.Duration `json:"ended"`
	// Tries is how often it was asked for.
	Tries  int    `json:"tries"`
	Answer Answer `json:"answer"`
	// Run is the run that the answer speaks of, and Got the value in it.
	Run string          `json:"run_id,omitempty"`
	Got json.RawMessage `json:"got,omitempty"`
	// Status is how the workflow ended that was waited for, Want how it must, and Least how long it must take at least. Its clients have
	// waited since they started it.
	Status protocol.Status `json:"status,omitempty"`
	Want   protocol.Status `json:"want,omitempty"`
	Least  time.Duration   `json:"least,omitzero"`
	// Code and Error say why it was refused, or what was heard last.
	Code  protocol.Code `json:"code,omitempty"`
	Error string        `json:"error,omitempty"`
}

// Took is how long the client waited.
func (c Call) Took() time.Duration { return c.Ended - c.Begun }
