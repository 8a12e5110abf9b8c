package protocol

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// RecordVersion is the version of the record format that this package writes.
const RecordVersion = 1

// Record is one step of a run: every event of it, in one message on the workflow's history subject. Its append is the
// commit; nothing of the step is visible before it.
type Record struct {
	// Version is [RecordVersion].
	Version int `json:"v"`
	// Workflow and Run say whose step this is.
	Workflow string `json:"workflow_id"`
	Run      string `json:"run_id"`
	// Step numbers the records of a run, dense from 1.
	Step int64 `json:"step"`
	// Nonce tells this step from any other: a worker's cached run was left by the step of a nonce. Two nodes may write a step that a worker
	// foresaw under one nonce; see [ForeseenStep]. What they write is not the same.
	Nonce string `json:"nonce"`
	// Prev is the [Digest] of the record before this one on the same subject, of whatever run; empty on the first.
	// A chain that does not hold means that stored data was damaged: the workflow is quarantined.
	Prev string `json:"prev,omitempty"`
	// First is the stream sequence of the run's first record; zero in the first record itself.
	First uint64 `json:"first,omitzero"`
	// Inputs are the inbox sequences that the step consumed, in order. An input that is delivered again after a crash
	// is recognised by them, and only its effects are checked.
	Inputs []uint64 `json:"inputs,omitempty"`
	// Time is when the step was decided.
	Time time.Time `json:"time"`
	// Events are what happened, in order.
	Events []Event `json:"events"`
	// Handed are the attempts among the step's activities that go to a worker without the queue.
	Handed *Handed `json:"handed,omitempty"`
	// Requests are those that the runs before this one have taken lately, in the run's first record: should one of them come again,
	// it is not taken twice.
	Requests []TakenRequest `json:"requests,omitempty"`
	// LastInput is the highest inbox sequence that the records of earlier runs have consumed, in the run's first record: whoever reads the
	// latest run only must recognise those inputs as well.
	LastInput uint64 `json:"last_input,omitzero"`
	// Size is the length of the record as JSON. It is not part of it: whoever reads or writes a record sets it.
	Size int `json:"-"`
	// Worker is the [WorkerKey] of the worker whose cache holds the run as the record left it; empty if nobody's. It is not part of the
	// record but of the message's headers, and not set on a record that was read.
	Worker string `json:"-"`
	// Blobs are the objects that the record refers to. Like Worker they are in the headers, and not set on a record that was read.
	Blobs []string `json:"-"`
}

// Handed says which first attempts a worker gets without the queue: those of the activities with these scheduled events.
type Handed struct {
	Worker string  `json:"worker"`
	Events []int64 `json:"scheduled_event_ids"`
}

// TakenRequest is a request that a run has taken.
type TakenRequest struct {
	ID   string    `json:"id"` // its request ID
	Run  string    `json:"run_id"`
	Time time.Time `json:"time"`
}

// Digest is the hash that the next record carries in Prev: 128 bits of SHA-256 of the record's bytes, in hex.
func Digest(record []byte) string {
	sum := sha256.Sum256(record)
	var text [32]byte
	return string(hex.AppendEncode(text[:0], sum[:16]))
}

// Entry is a record as it lies in a stream.
type Entry struct {
	Seq  uint64
	Time time.Time
	Data []byte
}

// Delivery is a message as it came out of an inbox or a timers stream, or directly, before anybody tried to understand it.
type Delivery struct {
	Seq     uint64 // zero when it came directly
	Time    time.Time
	Subject string
	Header  map[string][]string
	Data    []byte
	Reply   string // of what came directly: the subject that wants the verdict
}

// Get returns the first value of a header, or the empty text.
func (d Delivery) Get(header string) string {
	if v := d.Header[header]; len(v) > 0 {
		return v[0]
	}
	return ""
}
