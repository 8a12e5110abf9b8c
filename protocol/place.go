package protocol

import (
	"fmt"
	"time"
)

// Place is where a message lies that may refer to an object.
type Place string

// Places. Each is one stream, or one for each shard.
const (
	PlaceHeartbeats Place = "heartbeats"
	PlaceTimers     Place = "timers"
	PlaceTasks      Place = "tasks"
	PlaceInbox      Place = "inbox"
	PlaceDead       Place = "dead letters"
	PlaceHistory    Place = "history"
)

// Places are all places, each after those from which messages move there.
func Places() []Place {
	return []Place{PlaceHeartbeats, PlaceTimers, PlaceTasks, PlaceInbox, PlaceDead, PlaceHistory}
}

// Reference says that a message refers to an object.
type Reference struct {
	// Name is the object's.
	Name string `json:"name"`
	// Place is where the message lies, and Subject and Seq what it is there.
	Place   Place  `json:"place"`
	Subject string `json:"subject"`
	Seq     uint64 `json:"seq"`
	// Workflow and Run are those of a record.
	Workflow string `json:"workflow_id,omitempty"`
	Run      string `json:"run_id,omitempty"`
}

// String says in words what refers to an object.
func (r Reference) String() string {
	if r.Place == PlaceHistory {
		return fmt.Sprintf("workflow %s, run %s", r.Workflow, r.Run)
	}
	return fmt.Sprintf("%s, %s", r.Place, r.Subject)
}

// BlobInfo is what the object store knows of a blob.
type BlobInfo struct {
	Name string
	Size int64
	// Stored is when it was stored, or stored again, last.
	Stored time.Time
	// Revision tells whoever deletes it what was seen, and Upload which chunks are its own.
	Revision uint64
	Upload   string
}

// DeadUpload is what is left of an upload, or of a deletion, that did not come to its end: chunks that no object has.
type DeadUpload struct {
	ID     string
	Chunks int
	// Last is when its last chunk was stored.
	Last time.Time
}
