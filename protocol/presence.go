package protocol

import "time"

// NamespaceConfig is what was decided when a namespace was created. It lies in the config bucket under [ConfigKey].
type NamespaceConfig struct {
	// Shards is the number of shards. It never changes.
	Shards int `json:"shards"`
	// Created is when the namespace was made.
	Created time.Time `json:"created"`
	// Version is the [RecordVersion] of the node that made it.
	Version int `json:"version"`
}

// ConfigKey is the key of the [NamespaceConfig] in the config bucket.
const ConfigKey = "namespace"

// Lease says which node works on a shard. It is for locality only: safety is in the compare-and-set of every append.
type Lease struct {
	Node  string    `json:"node"`
	Epoch int64     `json:"epoch"`
	Since time.Time `json:"since"`
}

// Baton is how a node hands a shard to another one while nobody works on it: what its successor would have to find out otherwise. It is a
// core message, and the answer is a [BatonAnswer].
type Baton struct {
	Shard int `json:"shard"`
	// Lease is what the node has of the shard.
	Lease HeldLease `json:"lease"`
	// Effects is the sequence of the shard's last record. What follows from it and all before it was done.
	Effects uint64 `json:"effects"`
	// Inbox and Timers are sequences of these streams of the shard up to which all messages were handled.
	Inbox  uint64 `json:"inbox"`
	Timers uint64 `json:"timers"`
	// Server is that of the shard's [Progress].
	Server string `json:"server,omitzero"`
	// Losses says that streams may have lost their ends before the shard was taken from nobody's hands.
	Losses bool `json:"losses,omitzero"`
}

// BatonAnswer says whether a node has taken the shard. It is there only if the node knows what a baton is.
type BatonAnswer struct {
	Taken bool `json:"taken"`
}

// Progress says how far a shard's owner has come. It lies in the leases bucket, beside the shard's [Lease].
type Progress struct {
	// Effects is a sequence of the shard's history: what follows from the records up to it was done. Whoever takes the shard looks after
	// those that came later.
	Effects uint64 `json:"effects"`
	// Recheck, if it is not zero, is a sequence of the shard's history up to which nobody knows what is left of tasks, timers, messages and
	// rows. Whoever takes the shard goes through all records up to it, and makes anew what their workflows need to go on.
	Recheck uint64 `json:"recheck,omitzero"`
	// Since is a sequence up to which that need not be done.
	Since uint64 `json:"since,omitzero"`
	// Server is the server that had the streams, if it was only one. Another one has read them from its disk, and what was not flushed
	// may be lost.
	Server string `json:"server,omitzero"`
	// Tails is where other streams ended then. One that ends earlier afterwards has lost its end.
	Tails Tails `json:"tails,omitzero"`
	// Rest says that the owner gave the shard up after that, with nothing left to do.
	Rest bool `json:"rest,omitzero"`
}

// Tails are the last sequences of the streams beside a shard's history.
type Tails struct {
	Inbox  uint64 `json:"inbox"`
	Timers uint64 `json:"timers"`
	Tasks  uint64 `json:"tasks"`
}

// Short names the streams that ended later once than they do now.
func (t Tails) Short(now Tails) []string {
	var short []string
	for _, s := range []struct {
		name     string
		then, is uint64
	}{{"inbox", t.Inbox, now.Inbox}, {"timers", t.Timers, now.Timers}, {"tasks", t.Tasks, now.Tasks}} {
		if s.is < s.then {
			short = append(short, s.name)
		}
	}
	return short
}

// Node is an orchestrator's row in the nodes bucket.
type Node struct {
	ID      string    `json:"id"`
	Host    string    `json:"host,omitempty"`
	PID     int       `json:"pid,omitzero"`
	Version string    `json:"version,omitempty"`
	Started time.Time `json:"started"`
	// Leaving says that the node gives its shards up, and takes no others.
	Leaving bool `json:"leaving,omitzero"`
}

// Worker is a worker's row in the workers bucket.
type Worker struct {
	ID         string    `json:"id"`
	Queue      string    `json:"queue"`
	Workflows  []string  `json:"workflows,omitempty"`
	Activities []string  `json:"activities,omitempty"`
	Host       string    `json:"host,omitempty"`
	PID        int       `json:"pid,omitzero"`
	SDK        string    `json:"sdk,omitempty"`
	Version    string    `json:"version,omitempty"` // of its code
	Started    time.Time `json:"started"`
}

// QueueConfig is what was decided about a task queue. It lies in the config bucket under [QueueConfigKey].
type QueueConfig struct {
	// Current is the version of the workers' code that takes new runs, and the steps of those that are not pinned. Empty: any.
	Current string    `json:"current,omitempty"`
	Since   time.Time `json:"since,omitzero"`
}

// Heartbeat is what an activity last reported, in the heartbeats bucket. Reset is that of the attempt's task: heartbeats are not
// ordered with a reset, so one of an attempt before it may be stored after it.
type Heartbeat struct {
	Attempt int       `json:"attempt"`
	Reset   int64     `json:"reset_event_id,omitzero"`
	Time    time.Time `json:"time"`
	Details Payload   `json:"details,omitzero"`
}

// Before reports whether it is of an attempt that was due before a reset.
func (h Heartbeat) Before(reset int64) bool { return h.Reset < reset }

// HeldLease is a lease and the revision of the bucket at which it is held.
type HeldLease struct {
	Lease
	Revision uint64 `json:"revision"`
}
