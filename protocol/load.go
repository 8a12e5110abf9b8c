package protocol

import "time"

// DefaultBacklog is the backlog up to which new runs are taken, unless the namespace has another.
const DefaultBacklog = 1_000_000

// backlogUnit is how many bytes of a backlog count as one message.
const backlogUnit = 4 << 10

// Backlog is how much lies in a stream that nobody has handled yet.
type Backlog struct {
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
}

// Count is how many messages the backlog counts for: a message of more than 4 KiB is several.
func (b Backlog) Count() int {
	return int(max(b.Messages, b.Bytes/backlogUnit)) //nolint:gosec // streams are smaller
}

// Load is what waits in a namespace, and how full the store is.
type Load struct {
	// Inboxes are the backlogs of the shards' inboxes, and Tasks that of the task stream.
	Inboxes []Backlog `json:"inboxes"`
	Tasks   Backlog   `json:"tasks"`
	// MaxBacklog is how many tasks, and how many messages in all inboxes together, may wait before new runs are refused.
	MaxBacklog int `json:"max_backlog"`
	// Stored is how many bytes the streams take, and MaxStored how many they may; zero when nobody knows.
	Stored    int64 `json:"stored"`
	MaxStored int64 `json:"max_stored,omitzero"`
}

// Limit notes another limit of the store, and what is taken of it: the one that is nearest counts. Zero is none.
func (l *Load) Limit(used, most int64) {
	if most > 0 && (l.MaxStored == 0 || float64(used)/float64(most) > float64(l.Stored)/float64(l.MaxStored)) {
		l.Stored, l.MaxStored = used, most
	}
}

// maxFull is which part of a store may be taken before new runs are refused. What is left is for those that have begun.
const maxFull = 0.9

// Refusal says why no new run of a shard is taken; nil when one is. slack is which part less there must be than that: whoever has refused
// runs takes them again when there is clearly room.
func (l Load) Refusal(shard int, slack float64) *Error {
	exceeds := func(n int, most float64) bool { return most > 0 && float64(n) >= most*(1-slack) }
	switch {
	case exceeds(int(l.Stored), maxFull*float64(l.MaxStored)):
		return Errorf(CodeBusy, "no new runs are taken: the store is nearly full (%d of %d MB)", l.Stored>>20, l.MaxStored>>20).
			WithHint("try again later; the operator makes room: a shorter retention, a larger disk or limit")
	case exceeds(l.Tasks.Count(), float64(l.MaxBacklog)):
		return Errorf(CodeBusy, "no new runs are taken: %d tasks (%d MB) wait for workers", l.Tasks.Messages, l.Tasks.Bytes>>20).
			WithHint("try again later, or run more workers")
	case shard < len(l.Inboxes) && exceeds(l.Inboxes[shard].Count(), float64(l.MaxBacklog)/float64(len(l.Inboxes))):
		b := l.Inboxes[shard]
		return Errorf(CodeBusy, "no new runs are taken: %d messages (%d MB) wait in the inbox of shard %d", b.Messages, b.Bytes>>20, shard).
			WithHint("try again later; `nats micro ls` shows whether an orchestrator runs")
	}
	return nil
}

// BacklogConfig says how much may wait before new runs are refused. It lies in the config bucket under [BacklogKey].
type BacklogConfig struct {
	// Most is the number of messages; zero: [DefaultBacklog].
	Most  int       `json:"most"`
	Since time.Time `json:"since,omitzero"`
}

// BacklogKey is the key of the [BacklogConfig] in the config bucket.
const BacklogKey = "backlog"
