package machine

import (
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

// The worker that keeps a run is told of what takes the run on without it, and of nothing else.
func TestOvertaken(t *testing.T) {
	t.Parallel()
	says := func(worker string, f *protocol.Failure, asked ...protocol.CommandAttributes) func(*world) Ready {
		a := &protocol.WorkflowTaskAnswer{Worker: worker, Failure: f}
		for _, c := range asked {
			a.Commands = append(a.Commands, protocol.Command{Attributes: c})
		}
		return func(w *world) Ready { return w.turn.Answer(a, w.now) }
	}
	nobody := func(w *world) Ready { return w.turn.Decide(w.now) }
	signal := protocol.SignalInput{Name: "word", RequestID: "request-2"}
	ends := protocol.CompleteWorkflowExecution{}
	for name, test := range map[string]struct {
		input  protocol.InputBody
		step   func(*world) Ready
		cached bool
		told   bool
	}{
		"it takes the step":                  {signal, says("ada", nil), true, false},
		"it takes the last step":             {signal, says("ada", nil, ends), true, false},
		"it takes the step anew":             {signal, says("ada", nil), false, true},
		"another takes the step":             {signal, says("bob", nil), false, true},
		"another takes the last step":        {signal, says("bob", nil, ends), false, true},
		"its step fails":                     {signal, says("ada", failed()), true, true},
		"its answer makes no sense":          {signal, says("ada", nil, ends, ends), true, true},
		"the step fails elsewhere":           {signal, says("bob", failed()), false, true},
		"the step takes too long":            {signal, func(w *world) Ready { return w.turn.TimedOut("ada", w.now) }, false, true},
		"nobody takes the step":              {signal, nobody, false, false},
		"the run is terminated":              {protocol.TerminateInput{}, nobody, false, true},
		"the run is terminated after it was": {protocol.TerminateInput{}, nobody, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := begun(t)
			w.arrive(test.input, "request-2")
			w.begin()
			want := ""
			if test.told {
				want = "orders.ada"
			}
			if got := w.w.Overtaken(test.step(w), test.cached); got != want {
				t.Errorf("%q is told, want %q", got, want)
			}
		})
	}
	w := newWorld()
	w.start("request-1", 0)
	w.begin()
	if got := w.w.Overtaken(says("ada", nil)(w), false); got != "" {
		t.Errorf("%q is told of the first step", got)
	}
}
