package worker

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// threshold is what a payload of the tests may have in a message.
const threshold = 100

// large is a value that does not fit below the threshold.
var large = strings.Repeat("x", threshold)

// stored puts a value into the fake's object store, as whoever sent it did.
func (f *fake) stored(t *testing.T, v any) protocol.Payload {
	t.Helper()
	p := encode(t, v)
	blob, err := f.PutBytes(t.Context(), p.Data)
	if err != nil {
		t.Fatal(err)
	}
	return protocol.Payload{Metadata: p.Metadata, Blob: &blob}
}

// lies checks that a payload travels by reference, under the name of its content, and is the value.
func (f *fake) lies(t *testing.T, p protocol.Payload, v any) {
	t.Helper()
	want := encode(t, v)
	if p.Blob == nil || len(p.Data) > 0 {
		t.Fatalf("the payload is not in the object store: %s", p)
	}
	if name := "sha256-" + want.Digest(); p.Blob.Name != name || !bytes.Equal(f.blobs[name], want.Data) || !p.Equal(want) {
		t.Errorf("%s holds %q, want %q under %s", p, f.blobs[p.Blob.Name], want.Data, name)
	}
}

func TestLargeInputAndResultTravelThroughTheObjectStore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, BlobThreshold(threshold), act(func(_ context.Context, in string) (string, error) { return in + "!", nil }))
		task := attempt(t, "")
		task.Input = s.stored(t, large)
		r := s.run(task)
		if r.Failure != nil {
			t.Fatal(r.Failure)
		}
		s.lies(t, r.Result, large+"!")
	})
}

func TestRawBytesKeepTheirEncodingInTheObjectStore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, BlobThreshold(threshold), act(func(_ context.Context, in []byte) ([]byte, error) { return in, nil }))
		task := attempt(t, "")
		task.Input = s.stored(t, []byte(large+"\x00"))
		r := s.run(task)
		if r.Failure != nil {
			t.Fatal(r.Failure)
		}
		s.lies(t, r.Result, []byte(large+"\x00"))
	})
}

func TestThresholdIsTheLargestSizeThatFits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, BlobThreshold(threshold), act(func(_ context.Context, n int) ([]byte, error) { return make([]byte, n), nil }))
		for n, stowed := range map[int]bool{0: false, threshold: false, threshold + 1: true} {
			if r := s.run(attempt(t, n)); r.Failure != nil || (r.Result.Blob != nil) != stowed {
				t.Errorf("%d bytes: %s, %v", n, r.Result, r.Failure)
			}
		}
	})
}

// An input that is not what was sent must never reach the code. The object store may heal, so the attempt is tried again.
func TestInputThatCannotBeReadFailsTheAttempt(t *testing.T) {
	tests := map[string]struct {
		spoil func(*fake, string)
		says  string
	}{
		"damaged": {func(f *fake, name string) { f.blobs[name][0] ^= 1 }, "is not what was stored"},
		"missing": {func(f *fake, name string) { delete(f.blobs, name) }, "is not in the object store"},
		"out of reach": {
			func(f *fake, _ string) { f.fail("GetBlob", func() error { return protocol.ErrUnavailable }) }, "NATS is unavailable",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := work(t, act(func(_ context.Context, in string) (string, error) {
					t.Errorf("the code was called with %q", in)
					return "", nil
				}))
				task := attempt(t, "")
				task.Input = s.stored(t, large)
				tt.spoil(s.fake, task.Input.Blob.Name)
				f := s.run(task).Failure
				if f == nil || f.Application == nil || f.Application.NonRetryable || !strings.Contains(f.Message, tt.says) {
					t.Errorf("got %+v", f)
				}
			})
		})
	}
}

func TestResultThatCannotBeStowedFailsTheAttempt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, BlobThreshold(threshold), act(func(context.Context, string) (string, error) { return large, nil }))
		s.fail("PutBlob", func() error { return errors.New("the disk is full") })
		f := s.run(attempt(t, "in")).Failure
		if f == nil || f.Application == nil || f.Application.NonRetryable || f.Message != "store the activity's result: the disk is full" {
			t.Errorf("got %+v", f)
		}
	})
}

// relay hands large values through: a signal to an activity, and its result to the caller.
func relay(ctx workflow.Context, first string) (string, error) {
	s, err := workflow.Receive(ctx, word)
	if err != nil {
		return "", err
	}
	return shout.Do(ctx, first+s)
}

// Only what the code reads is fetched: the input of the activity is compared by its digest alone.
func TestWorkflowReadsAndWritesLargePayloads(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, BlobThreshold(threshold), flow(relay), CacheSize(0))
		p := play(t, relay, large)
		p.next()
		p.Signal("word", large)
		scheduled := p.next()
		p.Complete("1", large)
		done := p.next()
		events := done.full.Events
		for i, e := range events {
			switch a := e.Attributes.(type) {
			case protocol.WorkflowExecutionStarted:
				a.Input = s.stored(t, large)
				events[i].Attributes = a
			case protocol.WorkflowExecutionSignaled:
				a.Input = s.stored(t, large)
				events[i].Attributes = a
			case protocol.ActivityTaskScheduled:
				a.Input = s.stored(t, large+large)
				delete(s.blobs, a.Input.Blob.Name)
				events[i].Attributes = a
			case protocol.ActivityTaskCompleted:
				a.Result = s.stored(t, large)
				events[i].Attributes = a
			}
		}
		scheduled.full.Events = events[:len(scheduled.full.Events)]
		s.lies(t, commanded[protocol.ScheduleActivityTask](s, scheduled.full).Input, large+large)
		s.lies(t, commanded[protocol.CompleteWorkflowExecution](s, done.full).Result, large)

		s.fail("PutBlob", func() error { return errors.New("the disk is full") })
		if f := s.fails(done.full, protocol.CauseWorkflowPanic); f.Message != "store the payloads of the step: the disk is full" {
			t.Errorf("a result that cannot be stowed: %v", f)
		}
		s.fail("GetBlob", func() error { return protocol.ErrUnavailable })
		if f := s.fails(done.full, protocol.CauseWorkflowPanic); !strings.Contains(f.Message, "read the run's history: event 1, WorkflowExecutionStarted: NATS is unavailable") {
			t.Errorf("an input that cannot be fetched: %v", f)
		}
	})
}

// commanded is the one command that the worker answers a step with.
func commanded[C protocol.CommandAttributes](s *site, task *protocol.WorkflowTask) C {
	s.t.Helper()
	a, _ := s.ask(task)
	if a.Failure != nil || len(a.Commands) != 1 {
		s.t.Fatalf("got %+v, %v", a, a.Failure)
	}
	return a.Commands[0].Attributes.(C)
}
