package orchestrator

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/millrace-dev/millrace/orchestrator/machine"
	"github.com/millrace-dev/millrace/protocol"
)

// API is what the control API needs beyond a node's own store.
type API interface {
	Store
	// Ask publishes an input and waits for its verdict. A refusal is the error.
	Ask(ctx context.Context, workflow string, body protocol.InputBody, id string, once bool) (protocol.Verdict, error)
	// QueryCached asks the worker that has the workflow's latest run in its cache; known says that the answer counts.
	QueryCached(ctx context.Context, workflow, run string, q protocol.WorkflowQuery) (answer protocol.QueryAnswer, known bool)
	// MaxMessage is how many bytes a message can have.
	MaxMessage() int
	// LiveWorkers lists the workers that listen, on one queue or on all.
	LiveWorkers(ctx context.Context, queue string) ([]protocol.Worker, error)
	// SetCurrentVersion says which version of the workers' code is current on a queue; empty: none is.
	SetCurrentVersion(ctx context.Context, queue, version string) error
}

// control answers the control API. Any node can answer for any shard: requests that change something go through the
// workflow's inbox, those that read go to history.
type control struct {
	store API
	views *views
	log   *slog.Logger
}

// endpoint handles one request.
type endpoint = func(ctx context.Context, data []byte) (any, error)

func (c control) endpoints() map[string]endpoint {
	endpoints := map[string]endpoint{
		protocol.EndpointStart:        handle(c.start),
		protocol.EndpointSignal:       handle(c.signal),
		protocol.EndpointCancel:       handle(c.cancel),
		protocol.EndpointTerminate:    handle(c.terminate),
		protocol.EndpointPause:        handle(c.pause),
		protocol.EndpointReset:        handle(c.reset),
		protocol.EndpointActivity:     handle(c.activity),
		protocol.EndpointDelete:       handle(c.remove),
		protocol.EndpointDescribe:     handle(c.describe),
		protocol.EndpointResult:       handle(c.result),
		protocol.EndpointQuery:        handle(c.query),
		protocol.EndpointHistory:      handle(c.history),
		protocol.EndpointList:         handle(c.list),
		protocol.EndpointWorkers:      handle(c.workers),
		protocol.EndpointLoad:         handle(c.load),
		protocol.EndpointVersions:     handle(c.versions),
		protocol.EndpointUpdate:       handle(c.update),
		protocol.EndpointUpdateResult: handle(c.updateResult),
	}
	for name, answer := range endpoints {
		endpoints[name] = func(ctx context.Context, data []byte) (out any, err error) {
			err = guarded(c.log, "the endpoint "+name, func() error {
				out, err = answer(ctx, data)
				return err
			})
			return out, err
		}
	}
	return endpoints
}

// handle decodes a request and encodes nothing: the answer of f is sent as JSON.
func handle[In, Out any](f func(context.Context, In) (Out, error)) endpoint {
	return func(ctx context.Context, data []byte) (any, error) {
		var in In
		if len(data) > 0 {
			if err := protocol.UnmarshalRequest(data, &in); err != nil {
				return nil, err
			}
		}
		return f(ctx, in)
	}
}

func (c control) start(ctx context.Context, r protocol.StartRequest) (protocol.Verdict, error) {
	in, err := r.Start()
	if err != nil {
		return protocol.Verdict{}, err
	}
	in.ID, in.RequestID = cmp.Or(in.ID, uuid.NewString()), cmp.Or(in.RequestID, uuid.NewString())
	in.Run = cmp.Or(in.Run, newRunID())
	in.From, in.Parent, in.Root = nil, nil, nil // only orchestrators speak for workflows
	if in.Update != nil {
		in.Update.UpdateID = cmp.Or(in.Update.UpdateID, in.RequestID)
	}
	if err := machine.ValidateStart(in); err != nil {
		return protocol.Verdict{}, err
	}
	return c.ask(ctx, in.ID, in, in.RequestID)
}

// newRunID makes up a run ID that sorts by time.
func newRunID() string { return uuid.Must(uuid.NewV7()).String() }

func (c control) signal(ctx context.Context, r protocol.SignalRequest) (protocol.Verdict, error) {
	in, err := r.Signal()
	if err != nil {
		return protocol.Verdict{}, err
	}
	in.RequestID, in.From = cmp.Or(in.RequestID, uuid.NewString()), nil
	return c.ask(ctx, r.ID, in, in.RequestID)
}

func (c control) cancel(ctx context.Context, r protocol.CancelRequest) (protocol.Verdict, error) {
	r.RequestID, r.From = cmp.Or(r.RequestID, uuid.NewString()), nil
	return c.ask(ctx, r.ID, r.CancelInput, r.RequestID)
}

func (c control) terminate(ctx context.Context, r protocol.TerminateRequest) (protocol.Verdict, error) {
	r.From = nil
	return c.ask(ctx, r.ID, r.TerminateInput, uuid.NewString())
}

func (c control) pause(ctx context.Context, r protocol.PauseRequest) (protocol.Verdict, error) {
	r.RequestID = cmp.Or(r.RequestID, uuid.NewString())
	return c.ask(ctx, r.ID, r.PauseInput, r.RequestID)
}

func (c control) activity(ctx context.Context, r protocol.ActivityRequest) (protocol.Verdict, error) {
	r.RequestID = cmp.Or(r.RequestID, uuid.NewString())
	if err := r.Validate(); err != nil {
		return protocol.Verdict{}, err
	}
	return c.ask(ctx, r.ID, r.ActivityInput, r.RequestID)
}

func (c control) reset(ctx context.Context, r protocol.ResetRequest) (protocol.Verdict, error) {
	r.RequestID, r.NewRun = cmp.Or(r.RequestID, uuid.NewString()), cmp.Or(r.NewRun, newRunID())
	return c.ask(ctx, r.ID, r.ResetInput, r.RequestID)
}

// remove names the run that is the latest now: the request must not hit another one, should it come twice.
func (c control) remove(ctx context.Context, r protocol.RunRequest) (protocol.Verdict, error) {
	if err := protocol.ValidateID("workflow ID", r.ID); err != nil {
		return protocol.Verdict{}, err
	}
	if r.Run == "" {
		last, err := c.store.Last(ctx, protocol.Shard(r.ID, c.store.Shards()), r.ID)
		if err != nil {
			return protocol.Verdict{}, err
		}
		if last.Seq == 0 {
			return protocol.Verdict{}, notFound(r.ID, "")
		}
		record, err := decodeRecord(r.ID, last)
		if err != nil {
			return protocol.Verdict{}, err
		}
		r.Run = record.Run
	}
	return c.ask(ctx, r.ID, protocol.DeleteInput{Run: r.Run}, uuid.NewString())
}

func (c control) ask(ctx context.Context, workflow string, body protocol.InputBody, id string) (protocol.Verdict, error) {
	if err := protocol.ValidateID("workflow ID", workflow); err != nil {
		return protocol.Verdict{}, err
	}
	return c.store.Ask(ctx, workflow, body, id, false)
}

// read folds the run that a request names.
func (c control) read(ctx context.Context, id, run string) (*runView, error) {
	if err := protocol.ValidateID("workflow ID", id); err != nil {
		return nil, err
	}
	return readRun(ctx, c.store, protocol.Shard(id, c.store.Shards()), id, run)
}

// look calls f with the run that a request names, for those who ask often and read little. f must not keep it.
func (c control) look(ctx context.Context, id, run string, f func(*machine.Workflow)) error {
	if err := protocol.ValidateID("workflow ID", id); err != nil {
		return err
	}
	found := false
	err := c.views.see(ctx, c.store, protocol.Shard(id, c.store.Shards()), id, func(w *machine.Workflow) {
		if found = w.Run != nil && (run == "" || run == w.Run.ID()); found {
			f(w)
		}
	})
	if err != nil || found {
		return err
	}
	v, err := c.read(ctx, id, run) // an earlier run, or none
	if err == nil {
		f(v.workflow)
	}
	return err
}

func (c control) result(ctx context.Context, r protocol.RunRequest) (protocol.Outcome, error) {
	var o protocol.Outcome
	err := c.look(ctx, r.ID, r.Run, func(w *machine.Workflow) {
		o = protocol.Outcome{ID: r.ID, Run: w.Run.ID(), Status: w.Run.Status}
		if w.Run.Outcome != nil {
			o = *w.Run.Outcome
		}
	})
	return o, err
}

// list reads every row and keeps those that fit; rows are small and come in batches.
func (c control) list(ctx context.Context, r protocol.ListRequest) (protocol.ListPage, error) {
	if r.Status != "" && !r.Status.Known() {
		return protocol.ListPage{}, protocol.Errorf(protocol.CodeBadRequest, "%q is no status", r.Status).
			WithHint("Running, Completed, Failed, Canceled, Terminated, TimedOut or ContinuedAsNew")
	}
	if r.Limit < 0 {
		return protocol.ListPage{}, protocol.Errorf(protocol.CodeBadRequest, "the limit of a list is negative").
			WithHint("leave it out for 100 runs a page; 1000 are the most")
	}
	limit := min(cmp.Or(r.Limit, 100), 1000)
	found := []protocol.Row{} // an empty list is a list in JSON, too
	for row, err := range c.store.Rows(ctx) {
		if err != nil {
			return protocol.ListPage{}, err
		}
		fits := (r.Status == "" || row.Status == r.Status) && (r.Type == "" || row.Type == r.Type) &&
			(r.Queue == "" || row.Queue == r.Queue) && (r.Before == "" || listKey(row) < r.Before)
		if fits {
			found = append(found, row)
		}
	}
	slices.SortFunc(found, func(a, b protocol.Row) int { return strings.Compare(listKey(b), listKey(a)) })
	if len(found) <= limit {
		return protocol.ListPage{Runs: found}, nil
	}
	return protocol.ListPage{Runs: found[:limit], Next: listKey(found[limit-1])}, nil
}

// listKey orders rows by start, and tells runs apart that started together.
func listKey(r protocol.Row) string {
	return r.Started.UTC().Format("2006-01-02T15:04:05.000000000Z") + "/" + r.ID + "/" + r.Run
}

func (c control) workers(ctx context.Context, r protocol.WorkersRequest) (protocol.WorkersAnswer, error) {
	w, err := c.store.LiveWorkers(ctx, r.Queue)
	return protocol.WorkersAnswer{Workers: append([]protocol.Worker{}, w...)}, err
}

// load looks by itself: the gates of nodes may be a second behind, and each of them knows its own shards only.
func (c control) load(ctx context.Context, _ struct{}) (protocol.LoadAnswer, error) {
	l, err := c.store.Load(ctx)
	a := protocol.LoadAnswer{Load: l}
	for shard := range l.Inboxes {
		if a.Refusal == nil {
			a.Refusal = l.Refusal(shard, 0)
		}
	}
	return a, err
}
