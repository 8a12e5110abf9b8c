package client

import (
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// StartOption is an option of a start.
type StartOption func(*starting)

// starting is a start while its options are read.
type starting struct {
	protocol.StartInput

	again bool  // the request ID is the caller's, who may have asked under it before
	err   error // of an option whose value cannot be used
}

// ID is the workflow ID. At most one run of an ID is open at a time. Made up when not given.
func ID(id string) StartOption { return func(s *starting) { s.ID = id } }

// Queue is the task queue whose workers run the workflow. Required, unless the client has a [DefaultQueue].
func Queue(name string) StartOption { return func(s *starting) { s.Queue = name } }

// RequestID makes a start that is sent again harmless: it answers with the run of the first one. Made up when not given, which
// protects against repetitions by this call only.
func RequestID(id string) StartOption { return func(s *starting) { s.RequestID, s.again = id, true } }

// RunTimeout is how long the run may take before it is ended as timed out. No limit when not given.
func RunTimeout(d time.Duration) StartOption {
	return func(s *starting) { s.RunTimeout = protocol.Duration(d) }
}

// ExecutionTimeout is how long the workflow may take in all: the run, the runs that try again after it, and those that continue it as
// new. No limit when not given.
func ExecutionTimeout(d time.Duration) StartOption {
	return func(s *starting) { s.ExecutionTimeout = protocol.Duration(d) }
}

// Delay is how long the run waits before its first step. Signals wait with it.
func Delay(d time.Duration) StartOption {
	return func(s *starting) { s.Delay = protocol.Duration(d) }
}

// Retry has a run that fails or times out followed by another try, as a new run under the same workflow ID. A workflow is not tried
// again unless this says so; each field of p that is zero has its default.
func Retry(p protocol.RetryPolicy) StartOption {
	return func(s *starting) { s.RetryPolicy = &p }
}

// Reuse says whether an ID may be used again whose latest run has ended. Defaults to [protocol.ReuseAllow].
func Reuse(p protocol.ReusePolicy) StartOption {
	return func(s *starting) { s.Reuse = p }
}

// OnConflict says what to do when a run of the ID is open. Defaults to [protocol.ConflictFail]. With [protocol.ConflictUseExisting]
// the handle is on the run that is there; with [protocol.ConflictTerminate] that run is ended, and nothing comes between its end and
// the new run's begin.
func OnConflict(p protocol.ConflictPolicy) StartOption {
	return func(s *starting) { s.Conflict = p }
}

// PinTo has the run stay with one version of the workers' code from its first step on, whatever is current.
func PinTo(version string) StartOption {
	return func(s *starting) { s.PinnedVersion = version }
}

// TaskTimeout is how long a worker may take over one step of the workflow's code. Defaults to 10 s.
func TaskTimeout(d time.Duration) StartOption {
	return func(s *starting) { s.TaskTimeout = protocol.Duration(d) }
}

// Memo attaches values that list and describe show. The values must be encodable as JSON.
func Memo(values map[string]any) StartOption {
	return func(s *starting) {
		s.Memo = make(map[string]protocol.Payload, len(values))
		for k, v := range values {
			p, err := protocol.Encode(v)
			if err != nil {
				s.err = fmt.Errorf("the memo %s: %w", k, err)
			}
			s.Memo[k] = p
		}
	}
}

// SearchAttributes are what the run can be found by; [protocol.SearchKey] makes them.
func SearchAttributes(attributes ...protocol.SearchAttribute) StartOption {
	return func(s *starting) { s.SearchAttributes = protocol.SearchAttributes(attributes...) }
}

// ToOption is an option of a call to an existing workflow.
type ToOption func(*to)

type to struct {
	run, reason, requestID, updateID   string
	again                              bool // an ID is the caller's, who may have asked under it before
	dropSignals                        bool
	keepPaused, dropHeartbeat, restore bool
	reject                             protocol.QueryReject
}

// target is for a call that changes something: a repetition of it is known by its ID.
func target(opts []ToOption) to {
	return aim(to{requestID: newID()}, opts)
}

// aim is for one that does not.
func aim(t to, opts []ToOption) to {
	for _, o := range opts {
		o(&t)
	}
	return t
}

// InRun speaks to one run and no other. Without it, calls speak to the workflow's latest run.
func InRun(run string) ToOption { return func(t *to) { t.run = run } }

// Reason is kept in history, for whoever wonders.
func Reason(text string) ToOption { return func(t *to) { t.reason = text } }

// WithRequestID makes a signal, an update, a cancellation, a pause or a reset, of a run or of an activity, that is sent again harmless. For
// a minute that is so whichever run of the workflow took it; see [UpdateID] for updates.
func WithRequestID(id string) ToOption { return func(t *to) { t.requestID, t.again = id, true } }
