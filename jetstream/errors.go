package jetstream

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// Error codes of the server that decide what happens next.
const (
	codeWrongLastSequence natsjs.ErrorCode = 10071 // the expected sequence is not the last: a conflict, or my own earlier write
	codeNotOpened         natsjs.ErrorCode = 10049 // a stream's files cannot be read, or none can be made
	codeNoMessage         natsjs.ErrorCode = 10043 // there is no message of this sequence to delete
	codeNotDeleted        natsjs.ErrorCode = 10057 // there is none any more
	codeStoreFailed       natsjs.ErrorCode = 10077 // the text says why: the subject holds its one message already, or the disk is full
	codeInFlight          natsjs.ErrorCode = 10164 // another write to the subject is under way, perhaps my own: ask again
)

// Error codes of the server that say that there is no room.
var noRoom = []natsjs.ErrorCode{
	10002, // the account's limits
	10023, // the server's limits: max_file_store, max_mem_store
	10028, // no memory for another stream
	10047, // no disk for another stream
}

// noLeader are error codes of a cluster that is being set up: nobody leads it, or too few of its servers are there.
var noLeader = []natsjs.ErrorCode{10005, 10008, 10009}

// hasNoLeader reports whether the server says so.
func hasNoLeader(err error) bool {
	var api *natsjs.APIError
	return errors.As(err, &api) && slices.Contains(noLeader, api.ErrorCode)
}

// full reports whether the server refused something because there is no room for it. What a stream says when it cannot store a message
// has one code for all reasons, and the reason as text.
func full(err error) bool {
	var api *natsjs.APIError
	if !errors.As(err, &api) {
		return false
	}
	return slices.Contains(noRoom, api.ErrorCode) || api.ErrorCode == codeStoreFailed &&
		(strings.Contains(api.Description, "maximum bytes exceeded") || strings.Contains(api.Description, "no space left"))
}

func hasCode(err error, code natsjs.ErrorCode) bool {
	var api *natsjs.APIError
	return errors.As(err, &api) && api.ErrorCode == code
}

// wrap gives an error of NATS a code, a sentence and a hint. The error itself stays in the chain.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	if _, known := errors.AsType[*protocol.Error](err); known {
		return err
	}
	var e *protocol.Error
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout), errors.Is(err, natsjs.ErrAsyncPublishTimeout):
		e = protocol.Errorf(protocol.CodeTimeout, "NATS did not answer in time").
			WithHint("check the server's health and its disk (after a full disk it must be started again); asking again is safe")
	case errors.Is(err, natsjs.ErrJetStreamNotEnabled), errors.Is(err, natsjs.ErrJetStreamNotEnabledForAccount):
		e = protocol.Errorf(protocol.CodeUnavailable, "this NATS server has no JetStream").
			WithHint("start it with -js, or use an account that has JetStream")
	case errors.Is(err, nats.ErrNoResponders):
		e = protocol.Errorf(protocol.CodeUnavailable, "JetStream does not answer on this NATS server").
			WithHint("start the server with -js, or wait until the cluster has a leader")
	case errors.Is(err, nats.ErrMaxPayload):
		e = protocol.Errorf(protocol.CodeTooLarge, "the message is larger than the server's max_payload").
			WithHint("raise max_payload (8 MB is a good value)")
	case full(err):
		e = protocol.Errorf(protocol.CodeUnavailable, "NATS has no room left: %v", err).WithHint(
			"free space on the server's disk or raise max_file_store (or the account's or the stream's limit), then it goes on")
	default:
		e = protocol.Errorf(protocol.CodeUnavailable, "NATS: %v", err).WithHint("it may pass; asking again is safe")
	}
	return &natsError{coded: e, cause: err}
}

// natsError is an error with a code whose cause can still be found with errors.Is.
type natsError struct {
	coded *protocol.Error
	cause error
}

// Error returns the sentence.
func (e *natsError) Error() string { return e.coded.Error() }

// Unwrap returns both the coded error and its cause.
func (e *natsError) Unwrap() []error { return []error{e.coded, e.cause} }
