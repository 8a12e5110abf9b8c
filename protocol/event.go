package protocol

import (
	"encoding/json"
	"time"
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

type eventWire struct {
	ID         int64           `json:"id"`
	Time       time.Time       `json:"time"`
	Type       EventType       `json:"type"`
	Attributes json.RawMessage `json:"attributes"`
}

// MarshalJSON writes {"id", "time", "type", "attributes"}.
func (e Event) MarshalJSON() ([]byte, error) {
	return Marshal(struct {
		ID         int64           `json:"id"`
		Time       time.Time       `json:"time"`
		Type       EventType       `json:"type"`
		Attributes EventAttributes `json:"attributes"`
	}{e.ID, e.Time, e.Type(), e.Attributes})
}

// UnmarshalJSON reads what MarshalJSON wrote. An event type that this version does not know is an error of code
// unsupported: an event that is not understood must never be skipped.
func (e *Event) UnmarshalJSON(b []byte) error {
	var w eventWire
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	decode, ok := eventDecoders[w.Type]
	if !ok {
		return Errorf(CodeUnsupported, "unknown event type %q", w.Type).
			WithHint("the history was written by a newer version: upgrade this node or worker")
	}
	attrs, err := decode(w.Attributes)
	if err != nil {
		return err
	}
	*e = Event{ID: w.ID, Time: w.Time, Attributes: attrs}
	return nil
}

// EventTypes lists every event type that this version knows, in no particular order.
func EventTypes() []EventType {
	types := make([]EventType, 0, len(eventDecoders))
	for t := range eventDecoders {
		types = append(types, t)
	}
	return types
}

var eventDecoders = map[EventType]func(json.RawMessage) (EventAttributes, error){}

func registerEvent[T EventAttributes]() struct{} {
	var zero T
	eventDecoders[zero.EventType()] = func(b json.RawMessage) (EventAttributes, error) {
		var v T
		err := json.Unmarshal(b, &v)
		return v, err
	}
	return struct{}{}
}
