package orchestrator

import (
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// A wake-up that fired before its time is held, but not one that a wrong clock fired long before it, nor one that does not say when it is
// due: those find nothing to do and are armed again.
func TestWakeupsThatAreHeld(t *testing.T) {
	t.Parallel()
	at := time.Now()
	for _, x := range []struct {
		body protocol.InputBody
		held bool
	}{
		{protocol.TimerInput{Due: at.Add(lead)}, true},
		{protocol.TimerInput{Due: at.Add(time.Millisecond)}, true},
		{protocol.TimerInput{Due: at}, false},
		{protocol.TimerInput{Due: at.Add(-time.Second)}, false},
		{protocol.TimerInput{Due: at.Add(time.Hour)}, false},
		{protocol.TimerInput{Task: &protocol.ActivityTask{}}, false},
		{protocol.TimerInput{}, false},
	} {
		if _, held := early(protocol.Input{Body: x.body}, at); held != x.held {
			t.Errorf("%+v: held is %v", x.body, held)
		}
	}
}

// Only a workflow's own wake-up, out of the stream, tells that no other is armed.
func TestWokenByItsOwnWakeup(t *testing.T) {
	t.Parallel()
	own := item{input: protocol.Input{Body: protocol.TimerInput{}}, delivery: protocol.Delivery{Subject: "fired"}}
	clock := item{input: protocol.Input{Body: protocol.TimerInput{}}}
	retry := own
	retry.input.Body = protocol.TimerInput{Task: &protocol.ActivityTask{}}
	signal := own
	signal.input.Body = protocol.SignalInput{}
	for _, x := range []struct {
		batch []item
		woken bool
	}{
		{nil, false}, {[]item{clock}, false}, {[]item{retry, signal}, false}, {[]item{signal, own}, true}, {[]item{{soon: true}}, true},
	} {
		if got := woken(x.batch); got != x.woken {
			t.Errorf("%d inputs: woken is %v", len(x.batch), got)
		}
	}
}
