package worker

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/millrace-dev/millrace/protocol"
)

// fetch replaces a reference to the object store by what lies there.
func (w *Worker) fetch(ctx context.Context, p *protocol.Payload) error {
	if p == nil || p.Blob == nil {
		return nil
	}
	r, err := w.store.GetBlob(ctx, *p.Blob)
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	*p = protocol.Payload{Metadata: p.Metadata, Data: data}
	return nil
}

// fetchEvents fetches the payloads that workflow code will read. Others, such as the inputs of activities, are only compared
// by digest, which the reference carries.
func (w *Worker) fetchEvents(ctx context.Context, events []protocol.Event) error {
	for i, e := range events {
		var err error
		switch a := e.Attributes.(type) {
		case protocol.WorkflowExecutionStarted:
			err = errors.Join(w.fetch(ctx, &a.Input), w.fetch(ctx, &a.CarriedSignals))
			events[i].Attributes = a
		case protocol.MarkerRecorded:
			err = w.fetch(ctx, &a.Value)
			events[i].Attributes = a
		case protocol.WorkflowExecutionSignaled:
			err = w.fetch(ctx, &a.Input)
			events[i].Attributes = a
		case protocol.WorkflowExecutionUpdateAccepted:
			err = w.fetch(ctx, &a.Request.Input)
			events[i].Attributes = a
		case protocol.ActivityTaskCompleted:
			err = w.fetch(ctx, &a.Result)
			events[i].Attributes = a
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stow replaces a large payload by a reference. The object's name is the payload's digest within the run, so that a step that
// is taken again stores it in the same place.
func (w *Worker) stow(ctx context.Context, run string, p *protocol.Payload) error {
	if p.Blob != nil || len(p.Data) <= w.blobThreshold {
		return nil
	}
	blob, err := w.store.PutBlob(ctx, "run/"+run+"/"+p.Digest(), bytes.NewReader(p.Data))
	if err != nil {
		return err
	}
	*p = protocol.Payload{Metadata: p.Metadata, Blob: &blob}
	return nil
}

// offload stows what is large in commands.
func (w *Worker) offload(ctx context.Context, task *protocol.WorkflowTask, commands []protocol.Command) error {
	for i, c := range commands {
		var err error
		switch a := c.Attributes.(type) {
		case protocol.ScheduleActivityTask:
			err = w.stow(ctx, task.Run, &a.Input)
			commands[i].Attributes = a
		case protocol.CompleteUpdate:
			err = w.stow(ctx, task.Run, &a.Result)
			commands[i].Attributes = a
		case protocol.CompleteWorkflowExecution:
			err = w.stow(ctx, task.Run, &a.Result)
			commands[i].Attributes = a
		case protocol.RecordMarker:
			err = w.stow(ctx, task.Run, &a.Value)
			commands[i].Attributes = a
		case protocol.ContinueAsNewWorkflowExecution:
			err = errors.Join(w.stow(ctx, task.Run, &a.Input), w.stow(ctx, task.Run, &a.CarriedSignals))
			commands[i].Attributes = a
		}
		if err != nil {
			return err
		}
	}
	return nil
}
