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
	// ServeQueries hands out questions to the runs in the worker's cache until stop is called, in the order in which the server had them;
	// handle must not block.
	ServeQueries(queue, worker string, handle func(*protocol.QueryTask, Responder)) (stop func(), err error)
	// Hearing is the stretch of time in which nothing is lost of what is sent to this worker.
	Hearing() protocol.Hearing
	// Pull hands out tasks of one kind until it is stopped; handle must not block.
	Pull(ctx context.Context, kind protocol.TaskKind, q TaskQueue, handle func(Task)) (Puller, error)
	// OnHandOver calls give for the activities that this worker is handed without a queue, and ask for those that it is asked about,
	// of which it returns the ones that it still has. Neither may block.
	OnHandOver(queue, worker string, give func(protocol.HandOver),
		ask func(run string, attempts []protocol.ActivityAttempt) []protocol.ActivityAttempt) (stop func(), err error)
	// OnLoss has report told when a NATS server was found to have lost something that another one has. It is called first.
	OnLoss(report func(*protocol.Error))
	// Tell stores an input in a workflow's inbox.
	Tell(ctx context.Context, workflow string, body protocol.InputBody, id, reply string) error
	// TellReady stores the word that a step can be taken here in a workflow's inbox. heard must be called: it returns once the workflow
	// has dealt with it, or when until is closed, or nothing is heard for long.
	TellReady(ctx context.Context, workflow string, ready protocol.WorkerReady) (heard func(until <-chan struct{}), err error)
	// PublishResult stores how an attempt ended; the first result of an attempt wins.
	PublishResult(ctx context.Context, workflow string, r protocol.ActivityResult) error
	// Request calls an endpoint of the control API.
	Request(ctx context.Context, endpoint string, in, out any) error
	// OnCancel calls f for every activity of the queue that should stop; f says which attempts of a recall run here.
	OnCancel(queue string, f func(protocol.CancelActivity) (held []protocol.ActivityAttempt)) (stop func(), err error)
	// KeepWorker writes the worker's row, and again should it get lost, until leave removes it.
	KeepWorker(ctx context.Context, w protocol.Worker) (leave func(context.Context) error, err error)
	// PutHeartbeat, Heartbeat and DeleteHeartbeat keep what an activity reports for its next attempt.
	PutHeartbeat(ctx context.Context, run string, scheduled int64, h protocol.Heartbeat) error
	Heartbeat(ctx context.Context, run string, scheduled int64) (*protocol.Heartbeat, error)
	DeleteHeartbeat(ctx context.Context, run string, scheduled int64) error
	// PutBlob and PutBytes write to the object store, GetBlob and GetRange read it; a negative length is all from the offset on.
	PutBlob(ctx context.Context, r io.Reader) (protocol.Blob, error)
	PutBytes(ctx context.Context, data []byte) (protocol.Blob, error)
	GetBlob(ctx context.Context, b protocol.Blob) (io.ReadCloser, error)
	GetRange(ctx context.Context, b protocol.Blob, offset, length int64) (io.ReadCloser, error)
	// KeepBlob makes a blob that is older than age one that was stored just now. One that is not there is not an error.
	KeepBlob(ctx context.Context, name string, age time.Duration) error
	// MaxMessage is how many bytes a message can have.
	MaxMessage() int
	// DeadLetter stores a message that cannot be understood.
	DeadLetter(ctx context.Context, d protocol.Delivery, reason error) error
	// Go runs f on a goroutine that may have been used before.
	Go(f func())
	// AckWait is how long the broker waits for a sign of life from whoever runs a task.
	AckWait() time.Duration
}

// Responder answers a workflow task: progress any number of times, the answer last.
type Responder = func(*protocol.WorkflowTaskAnswer) error

// TaskQueue is a queue that a worker takes tasks from.
type TaskQueue struct {
	Name string
	// Slots is how many tasks are in work at once. Aside of them are not asked for while the queue is empty: they are for activities
	// that come without it.
	Slots, Aside int
	// Private says that nobody else serves the queue; it is forgotten some time after its worker.
	Private bool
}

// Puller takes tasks from a queue.
type Puller interface {
	// Stop takes no more, and waits for the tasks in work until ctx ends.
	Stop(ctx context.Context)
	// Take takes a slot that is set aside, if there is one, and Give gives it back.
	Take() bool
	Give()
}

// Task is a task out of the task stream.
type Task interface {
	// Body is the task's body, Header its headers and Subject where it lay.
	Body() []byte
	Header() map[string][]string
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
	// AckEarly says that it is done for good, and keeps the slot until Leave.
	AckEarly() error
}
