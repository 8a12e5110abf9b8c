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

// eventWire is an event as it is written.
type eventWire struct {
	ID         int64                             `json:"id"`
	Time       time.Time                         `json:"time"`
	Type       EventType                         `json:"type"`
	Attributes union[EventType, EventAttributes] `json:"attributes"`
}

var eventWires = scratchOf[eventWire]()

// MarshalJSON writes {"id", "time", "type", "attributes"}.
func (e Event) MarshalJSON() ([]byte, error) { return Marshal(e) }

// MarshalJSONTo is MarshalJSON for an encoder.
func (e Event) MarshalJSONTo(enc *jsontext.Encoder) error {
	w := borrow[eventWire](eventWires)
	defer eventWires.giveBack(w)
	w.ID, w.Time, w.Type = e.ID, e.Time, e.Type()
	w.Attributes.types, w.Attributes.name, w.Attributes.value = eventTypes, &w.Type, e.Attributes
	return json.MarshalEncode(enc, w)
}

// UnmarshalJSON reads what MarshalJSON wrote. An event type that this version does not know is an error of code
// unsupported: an event that is not understood must never be skipped.
func (e *Event) UnmarshalJSON(b []byte) error { return Unmarshal(b, e) }

// UnmarshalJSONFrom is UnmarshalJSON for a decoder.
func (e *Event) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	w := borrow[eventWire](eventWires)
	defer eventWires.giveBack(w)
	w.Attributes.types, w.Attributes.name = eventTypes, &w.Type
	if err := json.UnmarshalDecode(dec, w); err != nil {
		return err
	}
	if _, ok := eventTypes[w.Type]; !ok {
		return Errorf(CodeUnsupported, "unknown event type %q", w.Type).
			WithHint("the history was written by a newer version: upgrade this node or worker")
	}
	attributes, err := w.Attributes.resolve()
	*e = Event{ID: w.ID, Time: w.Time, Attributes: attributes}
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

var eventTypes = types[EventType]{}

func registerEvent[T EventAttributes]() struct{} {
	var zero T
	eventTypes[zero.EventType()] = scratchOf[T]()
	return struct{}{}
}
