package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Folder is files in a value.
type Folder struct{ Files []protocol.Blob }

// Turn has each file of a folder turned round.
func Turn(ctx workflow.Context, f Folder) (Folder, error) {
	for i, file := range f.Files {
		turned, err := workflow.Do(ctx, TurnFile, file)
		if err != nil {
			return f, err
		}
		f.Files[i] = turned
	}
	return f, nil
}

// TurnFile writes the second half of a file before the first.
func TurnFile(ctx context.Context, file protocol.Blob) (protocol.Blob, error) {
	w, err := activity.CreateBlob(ctx)
	if err != nil {
		return protocol.Blob{}, err
	}
	defer w.Close()
	half := file.Size / 2
	for _, part := range [][2]int64{{half, -1}, {0, half}} {
		r, err := activity.OpenRange(ctx, file, part[0], part[1])
		if err != nil {
			return protocol.Blob{}, err
		}
		_, err = io.Copy(w, r)
		if err := errors.Join(err, r.Close()); err != nil {
			return protocol.Blob{}, err
		}
	}
	return w.Commit()
}

// Files go through clients, workflows and activities, plain or encoded; where they are encoded, nothing of them is stored readable, and what
// hides their handles names them.
func TestFiles(t *testing.T) {
	t.Parallel()
	for name, codecs := range map[string][]codec.Codec{"plain": nil, "encoded": sealing(t, "k1")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := rig.Start(t)
			e.Work(t, worker.Workflow(Turn), worker.Activity(TurnFile), worker.Codec(codecs...))
			c, err := client.New(e.Conn(), client.DefaultQueue(rig.Queue), client.Codec(codecs...))
			if err != nil {
				t.Fatal(err)
			}
			data := bytes.Repeat(chaff(3 << 20)[:1<<20], 3)
			file, err := c.PutBlob(t.Context(), bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			run, err := client.Start(t.Context(), c, Turn, Folder{[]protocol.Blob{file}})
			if err != nil {
				t.Fatal(err)
			}
			folder := rig.Result(t, run)
			r, err := c.OpenBlob(t.Context(), folder.Files[0])
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			half := len(data) / 2
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got[:len(data)-half], data[half:]) {
				t.Errorf("%d other bytes came back, %v", len(got), err)
			}
			started := rig.Find[protocol.WorkflowExecutionStarted](e.History(t, run.ID()))[0]
			record, err := protocol.Marshal(started)
			if err != nil {
				t.Fatal(err)
			}
			if names := protocol.BlobNames(record); len(names) != 1 || names[0] != file.Name {
				t.Errorf("the start refers to %q, want %s", names, file.Name)
			}
			readable := bytes.Contains(stored(t, e, file.Name), data[:64])
			if encoded := codecs != nil; readable == encoded {
				t.Errorf("what is stored is readable: %t", readable)
			}
		})
	}
}

// stored is an object as it lies in the object store.
func stored(t *testing.T, e *rig.Engine, name string) []byte {
	t.Helper()
	js, err := natsjs.New(e.Conn())
	if err != nil {
		t.Fatal(err)
	}
	store, err := js.ObjectStore(t.Context(), protocol.DefaultNamespace.BlobStore())
	if err != nil {
		t.Fatal(err)
	}
	data, err := store.GetBytes(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// halfway is told when Half waits to be canceled.
var halfway = make(chan struct{}, 1)

// Half begins a file and is canceled.
func Half(ctx context.Context, size int) (protocol.Blob, error) {
	w, err := activity.CreateBlob(ctx)
	if err != nil {
		return protocol.Blob{}, err
	}
	if _, err := w.Write(chaff(size)); err != nil {
		return protocol.Blob{}, err
	}
	halfway <- struct{}{}
	<-ctx.Done()
	return w.Commit() // too late
}

func BeginFile(ctx workflow.Context, size int) (protocol.Blob, error) {
	return workflow.Do(ctx, Half, size, workflow.WaitForCancel())
}

// A canceled activity leaves nothing of the file that it had begun.
func TestCanceledFileLeavesNothing(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(BeginFile), worker.Activity(Half))
	run := rig.Run(t, e, BeginFile, 5<<20)
	<-halfway
	if err := e.Client().Cancel(t.Context(), run.ID()); err != nil {
		t.Fatal(err)
	}
	if _, err := run.Wait(t.Context()); !errors.Is(err, protocol.ErrCanceled) {
		t.Errorf("it ended with %v", err)
	}
	js, err := natsjs.New(e.Conn())
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), "OBJ_"+protocol.DefaultNamespace.BlobStore())
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != 0 {
		t.Errorf("%d messages are left", n)
	}
}
