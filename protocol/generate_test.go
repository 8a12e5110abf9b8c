package protocol_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"time"

	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
)

// sample is one value of a type that goes over the wire, and a generator of any others.
type sample struct {
	value any
	any   *rapid.Generator[any]
}

func of[T any](value T) sample { return sample{value, rapid.MakeCustom[T](parts).AsAny()} }

// anyOf generates values of a type that contains events or commands.
func anyOf[T any]() *rapid.Generator[any] {
	return rapid.Deferred(func() *rapid.Generator[any] {
		all := parts
		all.Types = map[reflect.Type]*rapid.Generator[any]{
			reflect.TypeFor[protocol.Event]():   anyEvent().AsAny(),
			reflect.TypeFor[protocol.Command](): anyCommand().AsAny(),
		}
		maps.Copy(all.Types, parts.Types)
		return rapid.MakeCustom[T](all).AsAny()
	})
}

// parts are the types that not every Go value of is a legal one.
var parts = rapid.MakeConfig{
	Types: map[reflect.Type]*rapid.Generator[any]{
		reflect.TypeFor[time.Time]():         anyTime().AsAny(),
		reflect.TypeFor[protocol.Payload]():  anyPayload().AsAny(),
		reflect.TypeFor[*protocol.Failure](): anyFailure(2).AsAny(),
		reflect.TypeFor[json.RawMessage]():   rapid.Map(anyJSON(), func(s string) json.RawMessage { return json.RawMessage(s) }).AsAny(),
	},
	Kinds: map[reflect.Kind]*rapid.Generator[any]{
		reflect.Float64: rapid.Float64Range(-1e9, 1e9).AsAny(),
	},
}

func anyTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "never") {
			return time.Time{}
		}
		return time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
	})
}

// anyJSON generates JSON documents with insignificant white space and characters that some encoders escape.
func anyJSON() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{
		`null`, `true`, `0`, `1.50`, `-1e30`, `""`, `"<a href=\"x\">&amp;</a>"`, `"\u003c"`, `"` + "\u2028" + `"`, `[]`, `{}`,
		"{\n  \"b\": 1,\t\"a\": [ 1 , 2 ]\r\n}", `{"a":{"a":{"a":" spaces  stay "}}}`, `9007199254740993`,
	})
}

func anyPayload() *rapid.Generator[protocol.Payload] {
	return rapid.OneOf(
		rapid.Just(protocol.Payload{}),
		rapid.Map(anyJSON(), func(s string) protocol.Payload {
			p, err := protocol.JSONPayload([]byte(s))
			if err != nil {
				panic(err)
			}
			return p
		}),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) protocol.Payload {
			return protocol.Payload{Metadata: map[string]string{protocol.MetadataEncoding: protocol.EncodingBinary, "key": "<1>"}, Data: b}
		}),
		rapid.Just(protocol.Payload{Metadata: map[string]string{protocol.MetadataEncoding: protocol.EncodingNull}}),
		rapid.Just(large),
	)
}

func anyFailure(depth int) *rapid.Generator[*protocol.Failure] {
	if depth == 0 {
		return rapid.Just[*protocol.Failure](nil)
	}
	return rapid.Custom(func(t *rapid.T) *protocol.Failure {
		if rapid.Bool().Draw(t, "none") {
			return nil
		}
		f := &protocol.Failure{Message: rapid.String().Draw(t, "message"), Cause: anyFailure(depth-1).Draw(t, "cause")}
		details := anyPayload().Draw(t, "details")
		switch rapid.IntRange(0, 7).Draw(t, "kind") {
		case 0:
			f.Application = &protocol.ApplicationFailure{Type: rapid.String().Draw(t, "type"), Category: protocol.CategoryBenign, Details: &details}
			f.Encoded = &details
		case 1:
			f.Timeout = &protocol.TimeoutFailure{Type: protocol.TimeoutHeartbeat, LastHeartbeat: &details}
		case 2:
			f.Canceled = &protocol.CanceledFailure{Details: &details}
		case 3:
			f.Terminated = &protocol.TerminatedFailure{Identity: rapid.String().Draw(t, "identity")}
		case 5:
			f.Rejected = &protocol.RejectedFailure{UpdateID: rapid.String().Draw(t, "update"), Update: "approve"}
		case 4:
			f.Activity = &protocol.ActivityFailure{ActivityType: rapid.String().Draw(t, "activity"), RetryState: protocol.RetryTimeout}
		case 6:
			f.ChildWorkflow = &protocol.ChildWorkflowFailure{WorkflowType: rapid.String().Draw(t, "child"), InitiatedID: 5}
		}
		return f
	})
}

func anyEvent() *rapid.Generator[protocol.Event] {
	return rapid.Custom(func(t *rapid.T) protocol.Event {
		s := rapid.SampledFrom(events).Draw(t, "type")
		attributes, ok := s.any.Draw(t, "attributes").(protocol.EventAttributes)
		if !ok {
			t.Fatalf("%T is not an event", s.value)
		}
		return protocol.Event{ID: rapid.Int64().Draw(t, "id"), Time: anyTime().Draw(t, "time"), Attributes: attributes}
	})
}

func anyCommand() *rapid.Generator[protocol.Command] {
	return rapid.Custom(func(t *rapid.T) protocol.Command {
		s := rapid.SampledFrom(commands).Draw(t, "type")
		attributes, ok := s.any.Draw(t, "attributes").(protocol.CommandAttributes)
		if !ok {
			t.Fatalf("%T is not a command", s.value)
		}
		return protocol.Command{Attributes: attributes}
	})
}
