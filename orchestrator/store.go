package orchestrator

import (
	"context"
	"iter"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Ack waits until a write that is under way is stored. Writes are started together and waited for together, so that a
// step pays for one round trip, not for one per effect.
type Ack = func(context.Context) error

// Log is the history: the only truth.
type Log interface {
	// Append adds a record to the workflow's subject if the subject's last sequence is expect (0: the subject is new).
	// It returns the record's sequence. An error of code conflict says that another writer was first; every other
	// outcome that the store leaves open (a timeout, a write in flight) is resolved inside, by reading the subject's
	// last record from the stream's leader and comparing it with this one.
	Append(ctx context.Context, shard int, r *protocol.Record, data []byte, expect uint64) (uint64, error)
	// Last reads the subject's last record from the stream's leader. Its zero value says that there is none.
	Last(ctx context.Context, shard int, workflow string) (protocol.Entry, error)
	// HistoryEnd is the sequence of the shard's last record, whatever its workflow; 0 when there is none.
	HistoryEnd(ctx context.Context, shard int) (uint64, error)
	// HistorySince is the sequence of the shard's first record that was stored less than a time before the last one, and when that was.
	HistorySince(ctx context.Context, shard int, before time.Duration) (first uint64, since time.Time, err error)
	// NextRecord is the shard's first record from a sequence on, whatever its workflow, read from the stream's leader. A sequence of
	// zero says that there is none, an empty workflow that it is nothing that a node wrote.
	NextRecord(ctx context.Context, shard int, from uint64) (seq uint64, workflow string, err error)
	// Progress reads how far the owners of the shard have come, and PutProgress stores it.
	Progress(ctx context.Context, shard int) (protocol.Progress, error)
	PutProgress(ctx context.Context, shard int, p protocol.Progress) error
	// Server names the server that has the streams, if no other one has copies of them; empty otherwise.
	Server(ctx context.Context) (string, error)
	// Consumed is the highest inbox sequence that the shard's records consumed from a sequence on.
	Consumed(ctx context.Context, shard int, from uint64) (uint64, error)
	// Tails says where the streams beside the shard's history end.
	Tails(ctx context.Context, shard int) (protocol.Tails, error)
	// Range reads the subject's records from sequence from to sequence to, both included, in order. It may read from a
	// follower; the caller checks that the last one is there.
	Range(ctx context.Context, shard int, workflow string, from, to uint64) iter.Seq2[protocol.Entry, error]
	// LeaderRange is Range from the stream's leader, and slower.
	LeaderRange(ctx context.Context, shard int, workflow string, from, to uint64) iter.Seq2[protocol.Entry, error]
	// EachCopy calls read, which reads from the leader of the shard's history, until that is whole, or has been led by every copy.
	EachCopy(ctx context.Context, shard int, read func() (whole bool, err error)) error
}

// Inbox is what the world tells the workflows of a shard, in order.
type Inbox interface {
	// Tell publishes an input. id deduplicates; reply, when not empty, is the subject that wants the verdict.
	Tell(ctx context.Context, workflow string, body protocol.InputBody, id, reply string) error
	// Send is Tell for an input that nobody waits for: it starts the write. Those to one workflow are stored in the order of the calls.
	Send(workflow string, body protocol.InputBody, id string) Ack
	// Inputs delivers every message of the shard's inbox from the first that is left after a sequence, one after the other, until stop
	// is called. A handler that blocks holds the delivery up. stop returns once no handler runs.
	Inputs(ctx context.Context, shard int, after uint64, handle func(protocol.Delivery)) (stop func(), err error)
	// InboxBounds tells up to which sequence the messages are gone, and that of the last one that was stored.
	InboxBounds(ctx context.Context, shard int) (gone, last uint64, err error)
	// SkipInputs has the shard's inbox go on after a sequence. Those up to it which it does not have are never given out.
	SkipInputs(ctx context.Context, shard int, upTo uint64) error
	// Release removes the inbox messages up to and including seq: all of them were handled.
	Release(ctx context.Context, shard int, seq uint64) error
	// RemoveInput removes one message of the inbox, if it is there.
	RemoveInput(ctx context.Context, shard int, seq uint64) error
}

// Direct is the way to a workflow past its inbox.
type Direct interface {
	// Directs delivers what is sent to the shard's owner directly, until stop is called. handle must not block, and says whether it takes
	// the input; after is the inbox sequence that must be handled before it.
	Directs(shard int, handle func(d protocol.Delivery, after uint64) (taken bool)) (stop func(), err error)
	// RefuseDirect tells the sender of a direct input, which waits on the subject reply, to use the inbox.
	RefuseDirect(reply string)
}

// Timers are durable wake-ups. What a node arms that does not know that it was replaced takes the place of nothing that is more urgent.
type Timers interface {
	// ArmWakeup sets the workflow's one wake-up, which fires at a moment and carries the one at which it is due, in the place of the one at
	// known; zero: none is known. One of somebody else stays if it is due no later. It returns the sequence of the one that waits from now
	// on, and when that is due.
	ArmWakeup(ctx context.Context, shard int, workflow string, at, due time.Time, known uint64) (seq uint64, waits time.Time, err error)
	// Wakeup is the sequence of the workflow's wake-up; zero when there is none.
	Wakeup(ctx context.Context, shard int, workflow string) (uint64, error)
	// DisarmWakeup removes the workflow's wake-up, if any, unless it was set after the one at upTo.
	DisarmWakeup(ctx context.Context, shard int, workflow string, upTo uint64) error
	// ArmRetry sets the wake-up that carries the next attempt of an activity. An error of code conflict says that a later attempt waits.
	ArmRetry(shard int, task protocol.ActivityTask, at time.Time) Ack
	// Retry reads the waiting retry of an activity and when it is due, or nil when none waits.
	Retry(ctx context.Context, shard int, workflow, run string, scheduled int64) (*protocol.ActivityTask, time.Time, error)
	// Fired delivers every wake-up of the shard that has fired, as Inputs does.
	Fired(ctx context.Context, shard int, after uint64, handle func(protocol.Delivery)) (stop func(), err error)
	// ReleaseFired removes the fired wake-ups up to and including seq.
	ReleaseFired(ctx context.Context, shard int, seq uint64) error
}

// Queue is the work queue of tasks.
type Queue interface {
	// DispatchActivity puts an activity attempt on its queue. A task that is there already is not an error, unless a worker was given it:
	// then it is [protocol.ErrTaken].
	DispatchActivity(task protocol.ActivityTask) Ack
	// DispatchWorkflow calls for a worker.
	DispatchWorkflow(queue string, task protocol.QueuedWorkflowTask) Ack
	// QueuedActivity reads the attempt of an activity that lies on its queue or is with a worker; nil when there is none.
	QueuedActivity(ctx context.Context, queue, run string, scheduled int64) (*protocol.ActivityTask, error)
	// QueuedActivities reads all attempts of a run's activities that lie on queues or are with workers, and RemoveQueued removes one.
	QueuedActivities(ctx context.Context, run string) ([]protocol.QueuedActivity, error)
	RemoveQueued(ctx context.Context, subject string) error
	// MendQueues removes tasks that are done and whose removal got lost, and has what gets a lost task's place on its queue be delivered.
	MendQueues(ctx context.Context) error
	// RecallActivities asks the workers of a queue which of some attempts of a run they run, and those to stop if there is a reason; none
	// of the others will be begun.
	RecallActivities(ctx context.Context, queue, run string, attempts []protocol.ActivityAttempt, why protocol.StopReason) (
		held []protocol.ActivityAttempt, err error)
	// RemoveActivity takes an attempt off its queue, and RemoveActivities every attempt of a run's activities.
	RemoveActivity(ctx context.Context, task protocol.ActivityTask) error
	RemoveActivities(ctx context.Context, queue, run string) error
	// Heartbeat reads what an activity last reported, with the time at which that was stored; nil when nothing is there.
	Heartbeat(ctx context.Context, run string, scheduled int64) (*protocol.Heartbeat, error)
	// DropHeartbeat removes what an activity reported before a reset.
	DropHeartbeat(ctx context.Context, run string, scheduled, reset int64) error
	// CancelActivity tells the workers of a queue to stop an activity. It is not stored.
	CancelActivity(queue string, cancel protocol.CancelActivity) error
}

// Hand is the way of an attempt to a worker that has just said that it takes it.
type Hand interface {
	// HandOver gives a worker attempts, without storing anything.
	HandOver(queue, worker string, h protocol.HandOver) error
	// StillHas asks the worker that was handed an attempt whether it still has it. If not, it will not begin it either.
	StillHas(ctx context.Context, task protocol.ActivityTask) (bool, error)
}

// Exchange is the fast path of workflow tasks: core request and reply.
type Exchange interface {
	// Offer sends a workflow task to one worker, or to any worker of the queue when worker is empty, and waits for the
	// answer. It gives up when nothing, not even a sign of progress, is heard for the time of patience.
	// Errors: code no_worker when nobody listens; timeout when the worker fell silent.
	Offer(ctx context.Context, worker string, task *protocol.WorkflowTask, patience time.Duration) (*protocol.WorkflowTaskAnswer, error)
	// Overtake tells the worker of a key that the run in its cache goes on without it, as q says. When it returns, the worker hears of that
	// before any question that is asked after the next record of the workflow was stored; if there is such a worker.
	Overtake(ctx context.Context, shard int, worker string, q protocol.QueryTask) error
}

// Index holds the rows that list shows.
type Index interface {
	// PutRows stores the rows of runs; all of them, or it returns an error.
	PutRows(ctx context.Context, rows []protocol.Row) error
	// Rows reads every run's row, and RowsSince those that were stored since a moment.
	Rows(ctx context.Context) iter.Seq2[protocol.Row, error]
	RowsSince(ctx context.Context, since time.Time) iter.Seq2[protocol.Row, error]
}

// Versions says which version of the workers' code is current.
type Versions interface {
	// CurrentVersion is the one of a queue; empty when none is. It may be a second old.
	CurrentVersion(ctx context.Context, queue string) (string, error)
}

// Announcer tells those who wait.
type Announcer interface {
	// Reply sends a verdict to the subject that asked for it.
	Reply(subject string, v protocol.Verdict) error
	// Closed announces the end of a run.
	Closed(o protocol.Outcome) error
	// Updated announces how far an update has come.
	Updated(v protocol.Verdict) error
	// DeadLetter stores a message that could not be decoded or applied, with the reason.
	DeadLetter(ctx context.Context, d protocol.Delivery, reason error) error
}

// Past is what is left of runs that have ended.
type Past interface {
	// Retention is how long runs are kept after they have ended; zero: for ever.
	Retention(ctx context.Context) (time.Duration, error)
	// Old lists the shard's records from a sequence on that were stored before a moment, in the order in which they were written.
	Old(ctx context.Context, shard int, from uint64, before time.Time) iter.Seq2[protocol.OldRecord, error]
	// Purge removes the workflow's records up to and including seq, and none that is written meanwhile.
	Purge(ctx context.Context, shard int, workflow string, seq uint64) error
	// ForgetRun removes what is kept of a run beside its history.
	ForgetRun(ctx context.Context, workflow, run string) error
	// FirstInput is the sequence of the workflow's first message in the shard's inbox; zero when there is none.
	FirstInput(ctx context.Context, shard int, workflow string) (uint64, error)
	// KeepBlob makes a blob that is older than age one that was stored just now. One that is not there is not an error.
	KeepBlob(ctx context.Context, name string, age time.Duration) error
}

// Leases says which node works on which shard.
type Leases interface {
	// Join announces the node and returns once it answers pings. take is called when another node hands it a shard, and reports whether it
	// has it then. leave takes all of that back.
	Join(ctx context.Context, n protocol.Node, take func(protocol.Baton) (taken bool)) (leave func(context.Context), err error)
	// Announce says what there is to know of a node that has joined.
	Announce(ctx context.Context, n protocol.Node) error
	// Pass hands a shard to another node, and reports whether that has taken it.
	Pass(ctx context.Context, node string, b protocol.Baton) (taken bool)
	// Nodes lists the nodes that are announced, dead ones included.
	Nodes(ctx context.Context) ([]protocol.Node, error)
	// Alive asks a node for a sign of life.
	Alive(ctx context.Context, node string) bool
	// Forget removes a dead node's announcement.
	Forget(ctx context.Context, node string) error
	// Leases reads every lease, by shard. One that was given up names no node.
	Leases(ctx context.Context) (map[int]HeldLease, error)
	// LeaseRevision is that of a shard's lease, read from the bucket's leader. A lease that was given up has another one.
	LeaseRevision(ctx context.Context, shard int) (uint64, error)
	// Acquire takes the shard if its lease is still at revision (0: nobody ever had it). It returns the new revision, or an
	// error of code conflict.
	Acquire(ctx context.Context, shard int, l protocol.Lease, revision uint64) (uint64, error)
	// Yield gives the shard up if its lease is still at revision, and tells the other nodes.
	Yield(ctx context.Context, shard int, revision uint64) error
	// News calls handle whenever a node joined, left or gave up a shard, until stop is called.
	News(handle func()) (stop func(), err error)
}

// HeldLease is a lease and the revision at which it is held.
type HeldLease = protocol.HeldLease

// Store is everything that a node needs of NATS.
type Store interface {
	Log
	Inbox
	Direct
	Timers
	Queue
	Hand
	Exchange
	Index
	Versions
	Announcer
	Past
	Blobs
	Leases
	// Roomy refuses an input that leaves no room in a message for what is made of it.
	Roomy(body []byte) error
	// Time is what NATS's clock says.
	Time(ctx context.Context) (time.Time, error)
	// Load tells what waits in the namespace, and how full the store is.
	Load(ctx context.Context) (protocol.Load, error)
	// Shards is the number of shards of the namespace.
	Shards() int
	// Go runs f on a goroutine that may have been used before.
	Go(f func())
	// PruneWorker removes the row of a worker for which nobody listens.
	PruneWorker(ctx context.Context, queue, worker string) error
}
