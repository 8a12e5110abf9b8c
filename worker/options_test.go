package worker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/workflow"
)

type shop struct{}

func (shop) Sell(context.Context, string) (string, error) { return "", nil }
func (*shop) Buy(context.Context, string) (string, error) { return "", nil }
func open(workflow.Context, string) (string, error)       { return "", nil }
func generic[T any](_ workflow.Context, v T) (T, error)   { return v, nil }
func never(context.Context, protocol.Namespace) (Store, error) {
	return nil, errors.New("NATS was used")
}

func literal() func(context.Context, string) (string, error) {
	return func(context.Context, string) (string, error) { return "", nil }
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	w, other := newWorker(testQueue, nil, never), newWorker(testQueue, nil, never)
	if w.namespace != "default" || w.slots != 100 || w.workflowSlots != 100 || w.cacheSize != 1000 ||
		w.grace != 10*time.Second || w.blobThreshold != 256<<10 {
		t.Errorf("the defaults are %+v", w.config)
	}
	if w.ID() == "" || w.ID() == other.ID() {
		t.Errorf("two workers are named %q and %q", w.ID(), other.ID())
	}
}

// Mistakes are told all at once, with what to do about them, and before anything else happens.
func TestRunRefusesMistakes(t *testing.T) {
	t.Parallel()
	right := Workflow(open)
	tests := map[string]struct {
		queue string
		opts  []Option
		says  []string
		hint  string
	}{
		"nothing to run":         {"q", nil, []string{"nothing to run"}, "pass worker.Workflow(f)"},
		"no queue":               {"", []Option{right}, []string{"queue"}, ""},
		"a namespace with a dot": {"q", []Option{right, Namespace("a.b")}, []string{"namespace", "a.b"}, ""},
		"a workflow twice":       {"q", []Option{right, right}, []string{`workflow "worker.open" is registered twice`}, "worker.Named"},
		"an activity twice": {
			"q",
			[]Option{Activity(shop{}.Sell), Activity(asleep, Named("worker.shop.Sell"))},
			[]string{`activity "worker.shop.Sell" is registered twice`},
			"worker.Named",
		},
		"a function literal":     {"q", []Option{right, Activity(literal())}, []string{"is a function literal"}, "worker.Named"},
		"no function":            {"q", []Option{right, Activity[int, int](nil)}, []string{"is not a function"}, ""},
		"fewer than no slots":    {"q", []Option{right, Slots(-1)}, []string{"Slots(-1)"}, "0 makes a worker that runs workflows only"},
		"no slots for steps":     {"q", []Option{right, WorkflowSlots(0)}, []string{"WorkflowSlots(0)"}, "register no workflow"},
		"several things at once": {"", []Option{right, right, Namespace("a.b")}, []string{"queue", "a.b", "twice"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := newWorker(tt.queue, tt.opts, never).Run(t.Context())
			e, ok := errors.AsType[*protocol.Error](err)
			if !ok {
				t.Fatalf("got %v, want an error with a code", err)
			}
			if e.Code != protocol.CodeBadRequest || !strings.Contains(e.Hint, tt.hint) {
				t.Errorf("got %v of code %s with hint %q, want %s with %q", err, e.Code, e.Hint, protocol.CodeBadRequest, tt.hint)
			}
			for _, part := range tt.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %q: %v", part, err)
				}
			}
		})
	}
}

// The row tells operators, and other programs, by which names to call.
func TestWorkerSaysWhatItRuns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := work(t, Workflow(open), Workflow(generic[int]), Workflow(open, Named("again")), Activity((&shop{}).Buy),
			Activity(shop{}.Sell), Activity(literal(), Named("charge")), Slots(3), WorkflowSlots(4))
		row := s.rows["worker-1"]
		if want := []string{"again", "worker.generic", "worker.open"}; !slices.Equal(row.Workflows, want) {
			t.Errorf("got workflows %q, want %q", row.Workflows, want)
		}
		if want := []string{"charge", "worker.shop.Buy", "worker.shop.Sell"}; !slices.Equal(row.Activities, want) {
			t.Errorf("got activities %q, want %q", row.Activities, want)
		}
		if row.Queue != testQueue || row.SDK != SDK || row.PID == 0 || row.Host == "" || !row.Started.Equal(time.Now()) {
			t.Errorf("got %+v", row)
		}
		if s.slots[protocol.TaskActivity] != 3 || s.slots[protocol.TaskWorkflow] != 4 {
			t.Errorf("the worker asks for %v tasks at once", s.slots)
		}
	})
}

// A worker takes up only what it can serve, or tasks would wait at one that cannot run them.
func TestWorkerServesOnlyWhatItCanRun(t *testing.T) {
	tests := map[string]struct {
		opts []Option
		want []string
	}{
		"workflows only":           {[]Option{Workflow(open)}, []string{"pull workflow", "queries", "steps"}},
		"activities only":          {[]Option{act(asleep)}, []string{"cancels", "pings", "pull activity"}},
		"no slots for activities":  {[]Option{Workflow(open), act(asleep), Slots(0)}, []string{"pull workflow", "queries", "steps"}},
		"no slots and no workflow": {[]Option{act(asleep), WorkflowSlots(0)}, []string{"cancels", "pings", "pull activity"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				if s := work(t, tt.opts...); !slices.Equal(s.serving(), tt.want) {
					t.Errorf("the worker serves %q, want %q", s.serving(), tt.want)
				}
			})
		})
	}
}

func TestRunReturnsWhatNATSRefusesAndLeavesNothingBehind(t *testing.T) {
	for _, method := range []string{"ServeWorkflowTasks", "ServeQueries", "Pull", "OnCancel", "KeepWorker"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			f.fail(method, func() error { return protocol.ErrUnavailable })
			w := newWorker(testQueue, []Option{Workflow(open), act(asleep), OnReady(func() { t.Error("the worker says it is ready") })},
				func(context.Context, protocol.Namespace) (Store, error) { return f, nil })
			if err := w.Run(t.Context()); !errors.Is(err, protocol.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			if len(f.serving()) > 0 || len(f.rows) > 0 {
				t.Errorf("left behind: %q, %v", f.serving(), f.rows)
			}
		})
	}
	t.Run("open", func(t *testing.T) {
		t.Parallel()
		if err := newWorker(testQueue, []Option{Workflow(open)}, never).Run(t.Context()); err == nil || err.Error() != "NATS was used" {
			t.Errorf("got %v", err)
		}
	})
}
