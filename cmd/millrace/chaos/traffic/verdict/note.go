package verdict

import "time"

// NoteKind is what an attempt of an activity writes down.
type NoteKind string

// What attempts write down.
const (
	Began  NoteKind = "began"
	Did    NoteKind = "did"    // it returns a result
	Failed NoteKind = "failed" // it returns an error
)

// Note is a line of the ledger, in which activities write down what they do: a file for each worker process, which survives it.
type Note struct {
	Time     time.Time `json:"time"`
	Kind     NoteKind  `json:"kind"`
	Worker   string    `json:"worker"`
	Workflow string    `json:"workflow_id"`
	Run      string    `json:"run_id"`
	Activity string    `json:"activity_id"`
	Type     string    `json:"activity_type"`
	Attempt  int       `json:"attempt"`
	// Digest is that of the result's value.
	Digest string `json:"digest,omitempty"`
	Error  string `json:"error,omitempty"`
}
