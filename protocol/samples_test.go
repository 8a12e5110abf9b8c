package protocol_test

import (
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// One value of every event and command, with no field left out: TestSamplesAreWhole sees to that.

var (
	noon    = time.Date(2026, 11, 23, 12, 0, 0, 250_000_000, time.UTC)
	ada     = protocol.Payload{Data: []byte(`{"customer":"Ada","total":42.5,"note":"1 < 2 & \"done\""}`)}
	receipt = protocol.Payload{Data: []byte(`"receipt-7"`)}
	raw     = protocol.Payload{
		Metadata: map[string]string{protocol.MetadataEncoding: protocol.EncodingBinary}, Data: []byte{0, 1, 254, 255},
	}
	large = protocol.Payload{Blob: &protocol.Blob{
		Name: "01936f2e-7b60-7c4a-9d3b-0f6a1c2d3e4f", Size: 1 << 20,
		SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
	}}
	declined = &protocol.Failure{
		Message: "charge: card declined", Source: "go",
		Application: &protocol.ApplicationFailure{Type: "shop.Declined", NonRetryable: true, Details: &receipt},
	}
	policy = protocol.RetryPolicy{
		InitialInterval: second, BackoffCoefficient: 2, MaximumInterval: 100 * second, MaximumAttempts: 5,
		NonRetryableTypes: []string{"shop.Declined"},
	}
	headers = map[string]string{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	carried = protocol.Payload{Data: []byte(`[{"signal_name":"paid","input":{"data":"receipt-7"}}]`)}
	memo    = map[string]protocol.Payload{"customer": {Data: []byte(`"Ada"`)}}
)

var (
	origin  = &protocol.Origin{Workflow: "order-42", Run: "parent", Event: 5}
	refused = protocol.Errorf(protocol.CodeAlreadyStarted, "workflow %q is running already", "mail-42")
	ended   = &protocol.Failure{Message: "the workflow was terminated", Terminated: &protocol.TerminatedFailure{Identity: who}}
)

const (
	second = protocol.Duration(time.Second)
	runID  = "01936f2e-7b60-7c4a-9d3b-0f6a1c2d3e4f"
	who    = "shop-1@host"
)

var approval = protocol.UpdateCall{UpdateID: "u-1", RequestID: "req-14", Name: "approve", Input: receipt, Identity: who, Headers: headers}

var events = []sample{
	of(protocol.WorkflowExecutionStarted{
		WorkflowID: "order-42", WorkflowType: "shop.Checkout", Queue: "orders", Input: ada, RunID: runID,
		RequestID: "req-1", RunTimeout: 3600 * second, TaskTimeout: 10 * second, Memo: memo, Headers: headers, Identity: who,
		RetryPolicy: &policy, FirstTaskDelay: second, ExecutionTimeout: 7200 * second, ExecutionDeadline: noon.Add(2 * time.Hour),
		FirstRunID: "first", PreviousRunID: "previous", Initiator: protocol.InitiatorRetry, Attempt: 2, LastFailure: declined,
		OriginalRunID: "original", PinnedVersion: "build-7", SearchAttributes: memo, Reset: &protocol.ResetPoint{Run: "previous", Event: 7, RequestID: "req-4"},
		CarriedSignals: carried, Activity: &protocol.ActivityOptions{Queue: "orders", StartToClose: second, RetryPolicy: policy},
		Parent: origin, Root: &protocol.Execution{Workflow: "day-7", Run: "root"},
	}),
	of(protocol.WorkflowExecutionCompleted{Result: receipt, TaskCompletedID: 4}),
	of(protocol.WorkflowExecutionFailed{
		Failure: declined, RetryState: protocol.RetryInProgress, NewRunID: runID, TaskCompletedID: 4,
	}),
	of(protocol.WorkflowExecutionTimedOut{Timeout: 3600 * second, Failure: declined, RetryState: protocol.RetryInProgress, NewRunID: runID}),
	of(protocol.WorkflowExecutionContinuedAsNew{
		NewRunID: runID, WorkflowType: "shop.Checkout", Queue: "orders", Input: ada, RunTimeout: 3600 * second,
		TaskTimeout: 10 * second, RetryPolicy: &policy, Memo: memo, Headers: headers, CarriedSignals: carried, TaskCompletedID: 4,
	}),
	of(protocol.WorkflowExecutionCanceled{Details: receipt, TaskCompletedID: 4}),
	of(protocol.WorkflowExecutionTerminated{Reason: "a mistake", Details: raw, Identity: who, NewRunID: runID, ResetID: 7}),
	of(protocol.WorkflowExecutionCancelRequested{Reason: "sold out", RequestID: "req-2", Identity: who, From: origin}),
	of(protocol.WorkflowExecutionPaused{Reason: "maintenance", RequestID: "req-5", Identity: who}),
	of(protocol.WorkflowExecutionUnpaused{Reason: "done", RequestID: "req-6", Identity: who}),
	of(protocol.ActivityTaskPaused{ScheduledID: 5, Reason: "the bank is closed", RequestID: "req-7", Identity: who}),
	of(protocol.ActivityTaskUnpaused{ScheduledID: 5, Reason: "it is open", RequestID: "req-8", Identity: who}),
	of(protocol.ActivityTaskReset{
		ScheduledID: 5, KeepPaused: true, DropHeartbeat: true, Reason: "again", RequestID: "req-9", Identity: who,
	}),
	of(protocol.ActivityTaskOptionsUpdated{ScheduledID: 5, Options: protocol.ActivityOptions{
		Queue: "eu", ScheduleToClose: 3600 * second, ScheduleToStart: 60 * second, StartToClose: 10 * second, Heartbeat: 5 * second,
		RetryPolicy: policy,
	}, RequestID: "req-10", Identity: who}),
	of(protocol.WorkflowExecutionSignaled{Name: "paid", Input: receipt, RequestID: "req-3", Identity: who, From: origin, Headers: headers}),
	of(protocol.WorkflowTaskScheduled{Queue: "orders", Timeout: 10 * second, Attempt: 1}),
	of(protocol.WorkflowTaskStarted{ScheduledID: 2, Identity: who, HistorySize: 5 << 20, SuggestContinueAsNew: true}),
	of(protocol.WorkflowTaskCompleted{ScheduledID: 2, StartedID: 3, Identity: who, SDK: "go/0.1.0", Version: "build-7", Pinned: true}),
	of(protocol.WorkflowTaskFailed{
		ScheduledID: 2, StartedID: 3, Cause: protocol.CauseNonDeterministic,
		Failure: &protocol.Failure{Message: "the code asks for a timer, the history has an activity"}, NewRunID: runID, Identity: who,
	}),
	of(protocol.WorkflowTaskTimedOut{ScheduledID: 2, StartedID: 3, Type: protocol.TimeoutStartToClose}),
	of(protocol.MarkerRecorded{Name: protocol.MarkerSideEffect, ID: "1", Value: receipt, Failure: declined, TaskCompletedID: 4}),
	of(protocol.WorkflowPropertiesModified{Memo: memo, TaskCompletedID: 4}),
	of(protocol.WorkflowSearchAttributesUpserted{SearchAttributes: memo, TaskCompletedID: 4}),
	of(protocol.TimerStarted{TimerID: "1", StartToFire: 3600 * second, FireAt: noon.Add(time.Hour), TaskCompletedID: 4}),
	of(protocol.TimerFired{TimerID: "1", StartedID: 5}),
	of(protocol.TimerCanceled{TimerID: "1", StartedID: 5, TaskCompletedID: 9}),
	of(protocol.ActivityTaskScheduled{
		ActivityID: "1", ActivityType: "shop.Charge", Queue: "payments", Input: large, ScheduleToClose: 600 * second, ScheduleToStart: 30 * second,
		StartToClose: 60 * second, Heartbeat: 5 * second, RetryPolicy: policy, Headers: headers, TaskCompletedID: 4,
	}),
	of(protocol.ActivityTaskStarted{ScheduledID: 5, Attempt: 2, Forgiven: 1, Async: true, Identity: who, LastFailure: declined}),
	of(protocol.ActivityTaskCompleted{ScheduledID: 5, StartedID: 6, Result: receipt, RequestID: "req-11"}),
	of(protocol.ActivityTaskFailed{
		ScheduledID: 5, StartedID: 6, Failure: declined, RetryState: protocol.RetryNonRetryableFailure, RequestID: "req-12",
	}),
	of(protocol.ActivityTaskTimedOut{
		ScheduledID: 5, StartedID: 6, RetryState: protocol.RetryTimeout,
		Failure: protocol.TimeoutError(protocol.TimeoutHeartbeat, "no heartbeat for 5s", declined),
	}),
	of(protocol.ActivityTaskCancelRequested{ScheduledID: 5, TaskCompletedID: 9}),
	of(protocol.ActivityTaskCanceled{ScheduledID: 5, StartedID: 6, Details: receipt, RequestID: "req-13"}),
	of(protocol.StartChildWorkflowExecutionInitiated{
		WorkflowID: "mail-42", RunID: runID, WorkflowType: "shop.Mail", Queue: "mail", Input: ada, ExecutionTimeout: 7200 * second,
		RunTimeout: 3600 * second, TaskTimeout: 10 * second, RetryPolicy: &policy, Reuse: protocol.ReuseReject,
		ParentClosePolicy: protocol.ParentCloseTerminate, Memo: memo, SearchAttributes: memo, Headers: headers, TaskCompletedID: 4,
	}),
	of(protocol.StartChildWorkflowExecutionFailed{WorkflowID: "mail-42", WorkflowType: "shop.Mail", InitiatedID: 5, Cause: refused}),
	of(protocol.ChildWorkflowExecutionStarted{WorkflowID: "mail-42", RunID: runID, WorkflowType: "shop.Mail", InitiatedID: 5}),
	of(protocol.ChildWorkflowExecutionCompleted{
		WorkflowID: "mail-42", RunID: runID, WorkflowType: "shop.Mail", InitiatedID: 5, StartedID: 6, Result: receipt,
	}),
	of(protocol.ChildWorkflowExecutionFailed{
		WorkflowID: "mail-42", RunID: runID, WorkflowType: "shop.Mail", InitiatedID: 5, StartedID: 6, Failure: declined,
	}),
	of(protocol.ChildWorkflowExecutionCanceled{
		WorkflowID: "mail-42", RunID: runID, WorkflowType: "shop.Mail", InitiatedID: 5, StartedID: 6,
		Failure: protocol.CanceledError("the workflow was canceled"),
	}),
	of(protocol.ChildWorkflowExecutionTimedOut{
		WorkflowID: "mail-42", RunID: runID, WorkflowType: "shop.Mail", InitiatedID: 5, StartedID: 6,
		Failure: protocol.TimeoutError(protocol.TimeoutStartToClose, "the workflow did not end in time", nil),
	}),
	of(protocol.ChildWorkflowExecutionTerminated{
		WorkflowID: "mail-42", RunID: runID, WorkflowType: "shop.Mail", InitiatedID: 5, StartedID: 6, Failure: ended,
	}),
	of(protocol.SignalExternalWorkflowExecutionInitiated{
		WorkflowID: "stock", RunID: runID, FirstRunID: "first", SignalName: "sold", Headers: headers, Input: ada, RequestID: "signal-parent-5",
		TaskCompletedID: 4,
	}),
	of(protocol.SignalExternalWorkflowExecutionFailed{WorkflowID: "stock", InitiatedID: 5, Cause: refused}),
	of(protocol.ExternalWorkflowExecutionSignaled{WorkflowID: "stock", RunID: runID, InitiatedID: 5}),
	of(protocol.RequestCancelExternalWorkflowExecutionInitiated{
		WorkflowID: "mail-42", RunID: runID, FirstRunID: "first", ChildInitiatedID: 5, Reason: "sold out", RequestID: "cancel-parent-10",
		TaskCompletedID: 9,
	}),
	of(protocol.RequestCancelExternalWorkflowExecutionFailed{WorkflowID: "mail-42", InitiatedID: 10, Cause: refused}),
	of(protocol.ExternalWorkflowExecutionCancelRequested{WorkflowID: "mail-42", RunID: runID, InitiatedID: 10}),
	of(protocol.WorkflowExecutionUpdateAdmitted{Request: approval}),
	of(protocol.WorkflowExecutionUpdateAccepted{Request: approval, TaskCompletedID: 4}),
	of(protocol.WorkflowExecutionUpdateCompleted{
		UpdateID: "u-1", AcceptedID: 5, Result: receipt, Failure: declined, TaskCompletedID: 4,
	}),
	of(protocol.WorkflowExecutionUpdateRejected{UpdateID: "u-1", AdmittedID: 3, Failure: declined, TaskCompletedID: 7}),
}

var commands = []sample{
	of(protocol.StartChildWorkflowExecution{
		WorkflowID: "mail-42", WorkflowType: "shop.Mail", Queue: "mail", Input: ada, ExecutionTimeout: 7200 * second,
		RunTimeout: 3600 * second, TaskTimeout: 10 * second, RetryPolicy: &policy, Reuse: protocol.ReuseReject,
		ParentClosePolicy: protocol.ParentCloseAbandon, Memo: memo, SearchAttributes: memo, Headers: headers,
	}),
	of(protocol.SignalExternalWorkflowExecution{
		WorkflowID: "stock", RunID: runID, FirstRunID: "first", SignalName: "sold", Headers: headers, Input: ada,
	}),
	of(protocol.RequestCancelExternalWorkflowExecution{
		WorkflowID: "mail-42", RunID: runID, FirstRunID: "first", ChildInitiatedID: 5, Reason: "sold out",
	}),
	of(protocol.ScheduleActivityTask{
		ActivityID: "1", ActivityType: "shop.Charge", Queue: "payments", Input: ada, ScheduleToClose: 600 * second, ScheduleToStart: 30 * second,
		StartToClose: 60 * second, Heartbeat: 5 * second, RetryPolicy: policy, Headers: headers,
		Cancellation: protocol.CancelWait,
	}),
	of(protocol.RequestCancelActivityTask{ActivityID: "1"}),
	of(protocol.StartTimer{TimerID: "1", StartToFire: 3600 * second}),
	of(protocol.CancelTimer{TimerID: "1"}),
	of(protocol.RecordMarker{Name: protocol.MarkerSideEffect, ID: "1", Value: receipt, Failure: declined}),
	of(protocol.ModifyWorkflowProperties{Memo: memo}),
	of(protocol.UpsertWorkflowSearchAttributes{SearchAttributes: memo}),
	of(protocol.AcceptUpdate{UpdateID: "u-1"}),
	of(protocol.CompleteUpdate{UpdateID: "u-1", Result: receipt, Failure: declined}),
	of(protocol.RejectUpdate{UpdateID: "u-1", Failure: declined}),
	of(protocol.CompleteWorkflowExecution{Result: receipt}),
	of(protocol.FailWorkflowExecution{Failure: declined}),
	of(protocol.CancelWorkflowExecution{Details: receipt}),
	of(protocol.ContinueAsNewWorkflowExecution{
		WorkflowType: "shop.Checkout", Queue: "orders", Input: ada, RunTimeout: 3600 * second, TaskTimeout: 10 * second,
		RetryPolicy: &policy, Memo: memo, Headers: headers, CarriedSignals: carried,
	}),
}
