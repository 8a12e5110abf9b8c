// Command client links everything that a service can do with the client, so that its size can be measured.
package main

import (
	"context"
	"os"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/orchestrator/client"
)

type (
	in  struct{ A int }
	out struct{ B string }
	arg struct{ C bool }
	res struct{ D float64 }
)

// uses are the functions and methods of the client.
var uses = []any{
	client.New, client.BlobThreshold, client.Codec, client.DefaultQueue, client.EncodeFailures, client.FailWhenBusy, client.Identity, client.Intercept,
	client.Namespace, client.Propagator,
	client.Delay, client.ExecutionTimeout, client.Headers, client.ID, client.Memo, client.OnConflict, client.PinTo, client.Queue,
	client.RequestID, client.Retry, client.Reuse, client.RunTimeout, client.SearchAttributes, client.TaskTimeout,
	client.DropHeartbeat, client.DropSignals, client.InRun, client.KeepPaused, client.Reason, client.Reject, client.RestoreOptions,
	client.UpdateID, client.WithRequestID, client.ActivityChanges,
	client.Start[context.Context, in, out], client.StartNamed[out], client.Get[out],
	client.StartActivity[in, out], client.StartActivityNamed[out], client.DoActivity[in, out],
	client.Signal[arg], client.SignalWithStart[context.Context, in, out, arg], client.SignalWithStartNamed[out],
	client.Query[arg, res], client.QueryNamed[res],
	client.Update[arg, res], client.UpdateNamed[res], client.StartUpdate[arg, res], client.StartUpdateNamed[res], client.GetUpdate[res],
	client.UpdateWithStart[context.Context, in, out, arg, res], client.UpdateWithStartNamed[out, res],
	(*client.Client).ActivityToken, (*client.Client).Cancel, (*client.Client).CompleteActivity, (*client.Client).DeadLetter, (*client.Client).Delete,
	(*client.Client).DeadLetters, (*client.Client).RemoveDeadLetter, (*client.Client).RetryDeadLetter, (*client.Client).Describe,
	(*client.Client).Export, (*client.Client).FailActivity, (*client.Client).HeartbeatActivity, (*client.Client).History,
	(*client.Client).List, (*client.Client).OpenBlob, (*client.Client).OpenRange, (*client.Client).Pause, (*client.Client).PauseActivity, (*client.Client).Promote,
	(*client.Client).PutBlob, (*client.Client).Reset, (*client.Client).ResetActivity, (*client.Client).RestoreActivity,
	(*client.Client).SignalNamed, (*client.Client).Terminate, (*client.Client).Unpause, (*client.Client).UnpauseActivity,
	(*client.Client).UpdateActivity, (*client.Client).Load, (*client.Client).Versions, (*client.Client).Workers,
	(*client.Run[out]).ID, (*client.Run[out]).RunID, (*client.Run[out]).Wait,
	(*client.UpdateHandle[res]).ID, (*client.UpdateHandle[res]).RunID, (*client.UpdateHandle[res]).Wait,
	(*client.UpdateHandle[res]).WorkflowID,
	(*client.Changes).HeartbeatTimeout, (*client.Changes).Queue, (*client.Changes).Retry, (*client.Changes).ScheduleToClose,
	(*client.Changes).ScheduleToStart, (*client.Changes).StartToClose,
}

func main() {
	nc, err := nats.Connect(nats.DefaultURL)
	if err != nil {
		os.Exit(1)
	}
	defer nc.Close()
	os.Stdout.WriteString(strconv.Itoa(len(uses))) //nolint:errcheck // nobody runs it
}
