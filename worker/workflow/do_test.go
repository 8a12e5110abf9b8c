package workflow_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

type order struct {
	Item   string
	Amount int
}

type desk struct{}

func (*desk) Charge(context.Context, order) (string, error) { return "", nil }

func hello(context.Context, string) (string, error) { return "", nil }

func TestDoCallsByName(t *testing.T) {
	t.Parallel()
	w, a := begin(t, func(ctx workflow.Context, in order) (string, error) {
		var d *desk
		return workflow.Do(ctx, d.Charge, in)
	}, order{"lamp", 2})
	c := only[protocol.ScheduleActivityTask](t, a)
	if c.ActivityType != "workflow_test.desk.Charge" || c.ActivityID != "1" || c.Input.String() != `{"Item":"lamp","Amount":2}` {
		t.Errorf("command %+v", c)
	}
	w.Complete("1", "paid")
	if got := result[string](t, step(t, w)); got != "paid" {
		t.Errorf("result %q", got)
	}
}

func TestStartRunsActivitiesSideBySide(t *testing.T) {
	t.Parallel()
	w, a := begin(t, func(ctx workflow.Context, names []string) ([]string, error) {
		var futures []workflow.Future[string]
		for _, n := range names {
			futures = append(futures, workflow.Start(ctx, hello, n))
		}
		var out []string
		for _, f := range futures {
			s, err := f.Get(ctx)
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		}
		return out, nil
	}, []string{"a", "b", "c"})
	if len(a.Commands) != 3 {
		t.Fatalf("%d commands", len(a.Commands))
	}
	for _, id := range []string{"3", "1", "2"} {
		w.Complete(id, "hello "+id)
		a = step(t, w)
	}
	if got := strings.Join(result[[]string](t, a), ","); got != "hello 1,hello 2,hello 3" {
		t.Errorf("result %s", got)
	}
}

func TestActivityOptions(t *testing.T) {
	t.Parallel()
	policy := workflow.RetryPolicy{InitialInterval: workflow.Duration(time.Minute), MaximumAttempts: 9}
	_, a := begin(t, func(ctx workflow.Context, _ any) (any, error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.Queue("gpu"), workflow.Retry(policy), workflow.StartToClose(time.Hour))
		return workflow.Do(ctx, hello, "x",
			workflow.Attempts(3), workflow.StartToClose(time.Second), workflow.ScheduleToClose(2*time.Second),
			workflow.HeartbeatTimeout(time.Millisecond))
	}, nil)
	got := only[protocol.ScheduleActivityTask](t, a)
	policy.MaximumAttempts = 3
	want := protocol.ScheduleActivityTask{
		ActivityID: "1", ActivityType: "workflow_test.hello", Queue: "gpu", Input: protocol.Payload{Data: []byte(`"x"`)},
		StartToClose: protocol.Duration(time.Second), ScheduleToClose: protocol.Duration(2 * time.Second),
		Heartbeat: protocol.Duration(time.Millisecond), RetryPolicy: policy,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestRefusedOptionsAreErrorsOfTheCall(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]workflow.ActivityOption{
		"negative timeout": workflow.StartToClose(-time.Second),
		"attempts":         workflow.Attempts(-1),
		"queue":            workflow.Queue(strings.Repeat("x", 2000)),
	} {
		_, a := begin(t, func(ctx workflow.Context, _ any) (string, error) { return workflow.Do(ctx, hello, "x", opt) }, nil)
		if f := failure(t, a); !strings.Contains(f.Message, name) {
			t.Errorf("%s: %v", name, f)
		}
	}
}

func TestActivityFailureArrivesWhole(t *testing.T) {
	t.Parallel()
	var got error
	w, _ := begin(t, func(ctx workflow.Context, _ any) (any, error) {
		_, got = workflow.Do(ctx, hello, "x")
		return nil, nil
	}, nil)
	w.Fail("1", &protocol.Failure{Message: "no lamps", Application: &protocol.ApplicationFailure{Type: "OutOfStock"}})
	step(t, w)
	var app *protocol.ApplicationFailure
	var act *protocol.ActivityFailure
	if !errors.As(got, &app) || app.Type != "OutOfStock" || !errors.As(got, &act) || act.ActivityID != "1" || act.ScheduledID != 5 {
		t.Errorf("error %#v", got)
	}
	if got.Error() != "activity workflow_test.hello failed: no lamps" {
		t.Errorf("message %q", got.Error())
	}
}

func TestActivityTimeout(t *testing.T) {
	t.Parallel()
	w, _ := begin(t, func(ctx workflow.Context, _ any) (bool, error) {
		_, err := workflow.Do(ctx, hello, "x")
		var timeout *protocol.TimeoutFailure
		return errors.As(err, &timeout) && timeout.Type == protocol.TimeoutStartToClose, nil
	}, nil)
	w.TimeOut("1", protocol.TimeoutStartToClose)
	if !result[bool](t, step(t, w)) {
		t.Error("not a timeout")
	}
}

func TestValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	_, a := begin(t, func(ctx workflow.Context, _ any) (any, error) {
		return workflow.NewActivity[chan int, any]("A").Do(ctx, make(chan int))
	}, nil)
	if f := failure(t, a); !strings.Contains(f.Error(), "the input of activity A cannot be encoded") {
		t.Error(f)
	}
	w, _ := begin(t, func(ctx workflow.Context, _ any) (int, error) {
		return workflow.NewActivity[any, int]("A").Do(ctx, nil)
	}, nil)
	w.Complete("1", "text")
	if f := failure(t, step(t, w)); !strings.Contains(f.Error(), "the result of activity A cannot be decoded") || !f.Application.NonRetryable {
		t.Error(f)
	}
}

func TestFunctionLiteralIsAMistakeInTheCode(t *testing.T) {
	t.Parallel()
	w := replaytest.New(workflow.Program(func(ctx workflow.Context, name string) (string, error) {
		return workflow.Do(ctx, func(context.Context, string) (string, error) { return "", nil }, name)
	}, nil))
	defer w.Close()
	w.Start("Ada")
	if got := w.Step(); got.Cause != protocol.CauseWorkflowPanic || !strings.Contains(got.Failure.Message, "function literal") {
		t.Errorf("answer %v", got)
	}
}
