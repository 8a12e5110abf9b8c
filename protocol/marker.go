package protocol

// Names of markers.
const (
	// MarkerSideEffect is a value that the code made once: its Value.
	MarkerSideEffect = "SideEffect"
	// MarkerMutableSideEffect is the new value of something that the code looks at again and again.
	MarkerMutableSideEffect = "MutableSideEffect"
	// MarkerVersion is which version of a change the run took: its Value, a number. Its ID is the change's.
	MarkerVersion = "Version"
	// MarkerLocalActivity is the result of an activity that ran in the workflow's own worker: its Value, or its Failure.
	MarkerLocalActivity = "LocalActivity"
)

// RecordMarker writes down what the code must find again when it runs again; it becomes MarkerRecorded.
type RecordMarker struct {
	Name    string   `json:"marker_name"`
	ID      string   `json:"marker_id"`
	Value   Payload  `json:"value,omitzero"`
	Failure *Failure `json:"failure,omitempty"`
}

// MarkerRecorded is what the code wrote down. The orchestrator does not look at it.
type MarkerRecorded struct {
	Name            string   `json:"marker_name"`
	ID              string   `json:"marker_id"`
	Value           Payload  `json:"value,omitzero"`
	Failure         *Failure `json:"failure,omitempty"`
	TaskCompletedID int64    `json:"workflow_task_completed_event_id"`
}

// ModifyWorkflowProperties sets entries of the memo; it becomes WorkflowPropertiesModified. A null value removes one.
type ModifyWorkflowProperties struct {
	Memo map[string]Payload `json:"memo"`
}

// WorkflowPropertiesModified sets entries of the memo. A null value removes one.
type WorkflowPropertiesModified struct {
	Memo            map[string]Payload `json:"memo"`
	TaskCompletedID int64              `json:"workflow_task_completed_event_id"`
}

// UpsertWorkflowSearchAttributes sets search attributes; it becomes the event of that type. A null value removes one.
type UpsertWorkflowSearchAttributes struct {
	SearchAttributes map[string]Payload `json:"search_attributes"`
}

// WorkflowSearchAttributesUpserted sets search attributes; its type has the name of the command, as in Temporal. A null value removes one.
type WorkflowSearchAttributesUpserted struct {
	SearchAttributes map[string]Payload `json:"search_attributes"`
	TaskCompletedID  int64              `json:"workflow_task_completed_event_id"`
}

// CommandType implements [CommandAttributes].
func (RecordMarker) CommandType() CommandType { return "RecordMarker" }

// CommandType implements [CommandAttributes].
func (ModifyWorkflowProperties) CommandType() CommandType { return "ModifyWorkflowProperties" }

// CommandType implements [CommandAttributes].
func (UpsertWorkflowSearchAttributes) CommandType() CommandType {
	return "UpsertWorkflowSearchAttributes"
}

// EventType implements [EventAttributes].
func (MarkerRecorded) EventType() EventType { return "MarkerRecorded" }

// EventType implements [EventAttributes].
func (WorkflowPropertiesModified) EventType() EventType { return "WorkflowPropertiesModified" }

// EventType implements [EventAttributes].
func (WorkflowSearchAttributesUpserted) EventType() EventType {
	return "UpsertWorkflowSearchAttributes"
}

var markerEvents = []EventAttributes{
	MarkerRecorded{},
	WorkflowPropertiesModified{},
	WorkflowSearchAttributesUpserted{},
}

var markerCommands = []CommandAttributes{
	RecordMarker{},
	ModifyWorkflowProperties{},
	UpsertWorkflowSearchAttributes{},
}
