package protocol

import "encoding/json"

// The control API is a NATS micro service; each endpoint is a subject of the form mr.<namespace>.api.<endpoint> that
// takes one of these bodies and answers with JSON. An error answers {"error": {"code", "message", "hint"}} and carries
// the micro service's own error headers as well.
//
//	start      StartRequest      -> Verdict
//	signal     SignalRequest     -> Verdict
//	cancel     CancelRequest     -> Verdict
//	terminate  TerminateRequest  -> Verdict
//	update     UpdateRequest     -> Verdict
//	update_result  UpdateResultRequest -> Verdict
//	pause      PauseRequest      -> Verdict
//	reset      ResetRequest      -> Verdict
//	activity   ActivityRequest   -> Verdict
//	delete     RunRequest        -> Verdict
//	describe   RunRequest        -> Description
//	result     RunRequest        -> Outcome
//	query      QueryRequest      -> QueryAnswer
//	history    HistoryRequest    -> HistoryPage
//	list       ListRequest       -> ListPage
//	workers    WorkersRequest    -> WorkersAnswer
//	load                         -> LoadAnswer
//	versions   VersionsRequest   -> VersionsAnswer
const (
	EndpointStart        = "start"
	EndpointSignal       = "signal"
	EndpointCancel       = "cancel"
	EndpointTerminate    = "terminate"
	EndpointPause        = "pause"
	EndpointReset        = "reset"
	EndpointActivity     = "activity"
	EndpointDelete       = "delete"
	EndpointDescribe     = "describe"
	EndpointResult       = "result"
	EndpointQuery        = "query"
	EndpointHistory      = "history"
	EndpointList         = "list"
	EndpointWorkers      = "workers"
	EndpointLoad         = "load"
	EndpointVersions     = "versions"
	EndpointUpdate       = "update"
	EndpointUpdateResult = "update_result"
)

// StartRequest starts a workflow. Its input is any JSON value, written plainly; a payload that is not JSON goes into
// Payload instead.
type StartRequest struct {
	StartInput
	Input   json.RawMessage `json:"input,omitempty"`
	Payload *Payload        `json:"payload,omitempty"`
}

// SignalRequest signals the open run of a workflow. Its input is any JSON value, as in [StartRequest].
type SignalRequest struct {
	ID string `json:"id"`
	SignalInput
	Input   json.RawMessage `json:"input,omitempty"`
	Payload *Payload        `json:"payload,omitempty"`
}

// Start returns the input that the request stands for.
func (r StartRequest) Start() (StartInput, error) {
	p, err := requestPayload(r.Input, r.Payload)
	r.StartInput.Input = p
	return r.StartInput, err
}

// Signal returns the input that the request stands for.
func (r SignalRequest) Signal() (SignalInput, error) {
	p, err := requestPayload(r.Input, r.Payload)
	r.SignalInput.Input = p
	return r.SignalInput, err
}

func requestPayload(raw json.RawMessage, p *Payload) (Payload, error) {
	switch {
	case p != nil && len(raw) > 0:
		return Payload{}, Errorf(CodeBadRequest, "a request has either an input or a payload, not both")
	case p != nil:
		return *p, nil
	case len(raw) > 0:
		return JSONPayload(raw)
	}
	return Payload{}, nil
}

// UpdateRequest asks the open run of a workflow for an update. Its input is any JSON value, as in [StartRequest]. The answer says
// how far the update came in the step that took it; UpdateResultRequest asks how it went on.
type UpdateRequest struct {
	ID string `json:"id"`
	UpdateInput
	Input   json.RawMessage `json:"input,omitempty"`
	Payload *Payload        `json:"payload,omitempty"`
}

// Update returns the input that the request stands for.
func (r UpdateRequest) Update() (UpdateInput, error) {
	p, err := requestPayload(r.Input, r.Payload)
	r.UpdateInput.Input = p
	return r.UpdateInput, err
}

// UpdateResultRequest asks what became of an update of a run: the given one, or the workflow's latest when Run is empty.
type UpdateResultRequest struct {
	ID       string `json:"id"`
	Run      string `json:"run_id,omitempty"`
	UpdateID string `json:"update_id"`
}

// CancelRequest asks the open run of a workflow to stop.
type CancelRequest struct {
	ID string `json:"id"`
	CancelInput
}

// TerminateRequest ends the open run of a workflow.
type TerminateRequest struct {
	ID string `json:"id"`
	TerminateInput
}

// PauseRequest stops the open run of a workflow before its next step, or lets it go on.
type PauseRequest struct {
	ID string `json:"id"`
	PauseInput
}

// ResetRequest starts a run that repeats the beginning of another one.
type ResetRequest struct {
	ID string `json:"id"`
	ResetInput
}

// RunRequest names a run: the given one, or the workflow's latest when Run is empty.
type RunRequest struct {
	ID  string `json:"id"`
	Run string `json:"run_id,omitempty"`
}

// QueryRequest asks the code of a run something. Its input is any JSON value, as in [StartRequest].
type QueryRequest struct {
	ID      string            `json:"id"`
	Run     string            `json:"run_id,omitempty"`
	Query   string            `json:"query"`
	Input   json.RawMessage   `json:"input,omitempty"`
	Payload *Payload          `json:"payload,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	// Reject says which runs are not to be asked; empty: all are.
	Reject QueryReject `json:"reject,omitempty"`
}

// QueryReject says which runs a query must not reach.
type QueryReject string

// Conditions of a query. The names are Temporal's.
const (
	RejectNotOpen             QueryReject = "NotOpen"             // runs that have ended
	RejectNotCompletedCleanly QueryReject = "NotCompletedCleanly" // runs that have ended, other than with a result
)

// Rejects reports whether a run in that state must not be asked.
func (q QueryReject) Rejects(s Status) bool {
	switch q {
	case RejectNotOpen:
		return s.Closed()
	case RejectNotCompletedCleanly:
		return s.Closed() && s != StatusCompleted && s != StatusContinuedAsNew
	}
	return false
}

// Question returns the question that the request stands for.
func (r QueryRequest) Question() (WorkflowQuery, error) {
	p, err := requestPayload(r.Input, r.Payload)
	return WorkflowQuery{Name: r.Query, Input: p, Headers: r.Headers}, err
}

// QueryAnswer is what the code of a run answers: a result, or why there is none.
type QueryAnswer struct {
	ID      string   `json:"id"`
	Run     string   `json:"run_id"`
	Result  Payload  `json:"result,omitzero"`
	Failure *Failure `json:"failure,omitempty"`
}

// HistoryRequest asks for the events of a run with IDs above After.
type HistoryRequest struct {
	ID    string `json:"id"`
	Run   string `json:"run_id,omitempty"`
	After int64  `json:"after,omitzero"`
	// Cursor is that of the page before: it saves looking for the place.
	Cursor uint64 `json:"cursor,omitzero"`
}

// HistoryPage is as many events as fit into a message. More says that others follow.
type HistoryPage struct {
	Run    string  `json:"run_id"`
	Events []Event `json:"events"`
	More   bool    `json:"more,omitzero"`
	// Cursor is where the page ends; the next request carries it.
	Cursor uint64 `json:"cursor,omitzero"`
}

// ListRequest asks for rows. Every field narrows the list; the zero value lists everything, newest first.
type ListRequest struct {
	Status Status `json:"status,omitempty"`
	Type   string `json:"type,omitempty"`
	Queue  string `json:"queue,omitempty"`
	// Limit is the most rows to return. Defaults to 100, at most 1,000.
	Limit int `json:"limit,omitzero"`
	// Before continues a list: the Next of the page before.
	Before string `json:"before,omitempty"`
}

// ListPage is a page of rows. Next is empty on the last one.
type ListPage struct {
	Runs []Row  `json:"runs"`
	Next string `json:"next,omitempty"`
}

// WorkersRequest asks who serves a queue; every queue when empty.
type WorkersRequest struct {
	Queue string `json:"queue,omitempty"`
}

// WorkersAnswer lists the workers that are there right now.
type WorkersAnswer struct {
	Workers []Worker `json:"workers"`
}

// LoadAnswer tells what waits in the namespace, how full the store is, and why new runs are refused if they are.
type LoadAnswer struct {
	Load
	Refusal *Error `json:"refusal,omitempty"`
}

// VersionsRequest asks which versions of a queue's code there are, and sets which one is current if Set says so.
type VersionsRequest struct {
	Queue   string `json:"queue"`
	Set     bool   `json:"set,omitzero"`
	Current string `json:"current,omitempty"`
}

// VersionsAnswer lists the versions of a queue's code, newest worker first.
type VersionsAnswer struct {
	Queue    string    `json:"queue"`
	Current  string    `json:"current,omitempty"`
	Versions []Version `json:"versions"`
}

// Version is a version of a queue's code: who runs it, and how many open runs took their last step with it.
type Version struct {
	Version string `json:"version,omitempty"`
	Workers int    `json:"workers"`
	Open    int    `json:"open_runs"`
}

// ErrorAnswer is the body of a refused request.
type ErrorAnswer struct {
	Error *Error `json:"error"`
}
