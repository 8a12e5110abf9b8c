package worker

import (
	"context"
	"io"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// Store is what a worker needs of the outside.
type Store interface {
	// ServeWorkflowTasks hands out workflow tasks until stop is called; handle must not block. Without a handle it only
	// says that the worker is there, to whoever asks.
	ServeWorkflowTasks(queue, worker string, handle func(*protocol.WorkflowTask, Responder)) (stop func(), err error)
	// Pull hands out tasks of one kind, at most slots at once, until stop is called; handle must not block. stop waits for
	// the tasks in work until its context ends. A private queue is forgotten some time after its worker.
	Pull(ctx context.Context, kind protocol.TaskKind, queue string, slots int, private bool, handle func(Task)) (
		stop func(context.Context), err error)
	// Tell stores an input in a workflow's inbox.
	Tell(ctx context.Context, workflow string, body protocol.InputBody, id, reply string) error
	// PublishResult stores how an attempt ended; the first result of an attempt wins.
	PublishResult(ctx context.Context, workflow string, r protocol.ActivityResult) error
	// Request calls an endpoint of the control API.
	Request(ctx context.Context, endpoint string, in, out any) error
	// OnCancel calls f for every activity of the queue that should stop; f says which attempts of a recall run here.
	OnCancel(queue string, f func(protocol.CancelActivity) (held []protocol.ActivityAttempt)) (stop func(), err error)
	// PutWorker and PruneWorker write and remove the worker's row.
	PutWorker(ctx context.Context, w protocol.Worker) error
	PruneWorker(ctx context.Context, queue, worker string) error
	// PutHeartbeat, Heartbeat and DeleteHeartbeat keep what an activity reports for its next attempt.
	PutHeartbeat(ctx context.Context, run string, scheduled int64, h protocol.Heartbeat) error
	Heartbeat(ctx context.Context, run string, scheduled int64) (*protocol.Heartbeat, error)
	DeleteHeartbeat(ctx context.Context, run string, scheduled int64) error
	// PutBlob and GetBlob write and read the object store.
	PutBlob(ctx context.Context, name string, r io.Reader) (protocol.Blob, error)
	GetBlob(ctx context.Context, b protocol.Blob) (io.ReadCloser, error)
	// DeadLetter stores a message that cannot be understood.
	DeadLetter(ctx context.Context, d protocol.Delivery, reason error) error
	// AckWait is how long the broker waits for a sign of life from whoever runs a task.
	AckWait() time.Duration
}

// Responder answers a workflow task: progress any number of times, the answer last.
type Responder = func(*protocol.WorkflowTaskAnswer) error

// Task is a task out of the task stream.
type Task interface {
	// Body is the task's body, Subject where it lay.
	Body() []byte
	Subject() string
	// Delivered counts how often the task has been given to a worker, this time included.
	Delivered() int
	// InProgress says that the task is being worked on.
	InProgress() error
	// Ack says that it is done for good, Nak that another worker should have it, and Leave nothing: it comes again after a while,
	// unless somebody takes it off the queue. Each frees the slot.
	Ack() error
	Nak() error
	Leave()
}
