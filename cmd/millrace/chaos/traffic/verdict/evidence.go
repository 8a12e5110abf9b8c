package verdict

import (
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Evidence is what is known when a load has ended and nothing is left to do.
type Evidence struct {
	// Calls are what clients asked for, in the order in which they heard of it, and Notes the ledger of the activities.
	Calls []Call
	Notes []Note
	// Records are the records of each workflow, in the order of their stream.
	Records map[string][]protocol.Entry
	// Rows are those of the runs, by their IDs.
	Rows map[string]protocol.Row
	// Left is what lies somewhere although nothing is to be done.
	Left []Left
	// Files are the objects of the object store, and Doomed those among them that the collector takes for unreferenced, by name.
	Files, Doomed map[string]bool
	// Patience is how long each register's history may be looked at for its order.
	Patience time.Duration
}

// Left is a message, or a key of a bucket, that should not be there.
type Left struct {
	// What it is, such as a task, and Subject where it lies.
	What, Subject string
	// Count is how many there are of it.
	Count uint64
	// Workflow it is for, if that is known.
	Workflow string
	// Look says where to look.
	Look string
}
