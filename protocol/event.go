package protocol

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Event is one thing that happened to a run. IDs are dense from 1 in each run.
type Event struct {
	ID         int64
	Time       time.Time
	Attributes EventAttributes
}

// EventType names a kind of event. The names are Temporal's.
type EventType string

// EventAttributes is one of the attribute structs of this package, such as [ActivityTaskScheduled].
type EventAttributes interface {
	// EventType names the kind of event that the attributes belong to.
	EventType() EventType
}

// Type names the kind of event.
func (e Event) Type() EventType { return e.Attributes.EventType() }

// MarshalJSON writes {"id", "time", "type", "attributes"}.
func (e Event) MarshalJSON() ([]byte, error) { return Marshal(e) }

// MarshalJSONTo is MarshalJSON for an encoder.
func (e Event) MarshalJSONTo(enc *jsontext.Encoder) error {
	return marshalTo(enc, &e)
}

// UnmarshalJSON reads what MarshalJSON wrote. An event type that this version does not know is an error of code
// unsupported: an event that is not understood must never be skipped.
func (e *Event) UnmarshalJSON(b []byte) error { return Unmarshal(b, e) }

var eventMembers = []string{"id", "time", "type", "attributes"}

// UnmarshalJSONFrom is UnmarshalJSON for a decoder.
func (e *Event) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*e = Event{}
	u := eventTypes.union()
	err := readObject(dec, eventMembers, func(name string) error {
		switch name {
		case "id":
			return json.UnmarshalDecode(dec, &e.ID)
		case "time":
			return json.UnmarshalDecode(dec, &e.Time)
		}
		return u.member(name, dec)
	})
	if err != nil {
		return err
	}
	if !u.known() {
		return Errorf(CodeUnsupported, "unknown event type %.80q", u.name).
			WithHint("the history was written by a newer version: upgrade this node or worker")
	}
	e.Attributes, err = u.resolve()
	return err
}

// EventTypes lists every event type that this version knows, in no particular order.
func EventTypes() []EventType {
	types := make([]EventType, 0, len(eventTypes))
	for t := range eventTypes {
		types = append(types, t)
	}
	return types
}

var eventTypes = typesOf(EventAttributes.EventType, workflowEvents, taskEvents, activityEvents, activityControlEvents, timerEvents,
	childEvents, externalEvents, updateEvents, markerEvents)
