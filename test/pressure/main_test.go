package pressure

import (
	"context"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker/workflow"
)

func TestMain(m *testing.M) { rig.Main(m) }

var pass = protocol.NewSignal[string]("pass")

// Gate waits for a signal and returns what it says, through an activity.
func Gate(ctx workflow.Context, _ string) (string, error) {
	said, err := workflow.Receive(ctx, pass)
	if err != nil {
		return "", err
	}
	return workflow.Do(ctx, Echo, said)
}

// Hello is done in one activity.
func Hello(ctx workflow.Context, in string) (string, error) { return workflow.Do(ctx, Echo, in) }

// Echo returns what it is given.
func Echo(_ context.Context, in string) (string, error) { return in, nil }
