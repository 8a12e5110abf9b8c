package replay

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/millrace-dev/millrace/protocol"
)

// DefaultVersion is the version of a change in a run that took its place in the code before there was a [Env.Version] call.
const DefaultVersion = -1

// marks are what the code wrote down in a recorded step: it asks for them before the events that hold them are compared.
type marks struct {
	recorded []protocol.MarkerRecorded
	used     []bool
	first    int // those before it are used
}

// recordedMarks finds the markers of a recorded step among the events that follow its WorkflowTaskCompleted.
func recordedMarks(events []protocol.Event) marks {
	var m marks
	for _, e := range events {
		if !isCommandEvent(e) {
			break
		}
		if a, ok := e.Attributes.(protocol.MarkerRecorded); ok {
			m.recorded = append(m.recorded, a)
		}
	}
	m.used = make([]bool, len(m.recorded))
	return m
}

// take finds a marker that nobody asked for yet. They are asked for in order, or nearly so.
func (m *marks) take(name, id string) (protocol.MarkerRecorded, bool) {
	for m.first < len(m.used) && m.used[m.first] {
		m.first++
	}
	for i, a := range m.recorded[m.first:] {
		if i += m.first; !m.used[i] && a.Name == name && a.ID == id {
			m.used[i] = true
			return a, true
		}
	}
	return protocol.MarkerRecorded{}, false
}

// SideEffect calls f once in the life of the run and gives what it returned ever after.
func (e *Env) SideEffect(f func() (protocol.Payload, error)) (protocol.Payload, error) {
	r := e.run
	r.mayChange("have side effects")
	r.nextSideEffect++
	id := strconv.Itoa(r.nextSideEffect)
	if r.turn.replaying {
		a, ok := r.turn.marks.take(protocol.MarkerSideEffect, id)
		r.emit(protocol.RecordMarker{Name: protocol.MarkerSideEffect, ID: id}, nil)
		if !ok {
			e.stop()
		}
		return a.Value, failureOrNil(a.Failure)
	}
	value, err := r.outside(f)
	failure := protocol.NewFailure(err) // what a replay gives: the code must not see another error now
	r.emit(protocol.RecordMarker{Name: protocol.MarkerSideEffect, ID: id, Value: value, Failure: failure}, nil)
	return value, failureOrNil(failure)
}

// stop ends a coroutine whose code has come to something that history does not know. Comparing the commands will tell; until then the
// code must not go on with a value that never was: it would fail over that, and the report would be about the wrong thing.
func (e *Env) stop() { e.Await(func() bool { return false }) }

// outside calls a function that must not touch the run, because it does not run in a replay.
func (r *Run) outside(f func() (protocol.Payload, error)) (protocol.Payload, error) {
	r.reader = "a side effect"
	defer func() { r.reader = "" }()
	return f()
}

// failureOrNil keeps a nil failure from becoming an error that is not nil.
func failureOrNil(f *protocol.Failure) error {
	if f == nil {
		return nil
	}
	return f
}

// mutable is a value that the code looks at again and again.
type mutable struct {
	value protocol.Payload
	known bool
	looks int
}

// MutableSideEffect calls f each time and records what it returned if that is new. The value is the last one recorded.
func (e *Env) MutableSideEffect(
	id string, f func() (protocol.Payload, error), same func(old, now protocol.Payload) bool,
) (protocol.Payload, error) {
	r := e.run
	r.mayChange("have side effects")
	m := r.mutables[id]
	if m == nil {
		m = &mutable{}
		r.mutables = with(r.mutables, id, m)
	}
	m.looks++
	mark := id + "/" + strconv.Itoa(m.looks)
	if r.turn.replaying {
		if a, ok := r.turn.marks.take(protocol.MarkerMutableSideEffect, mark); ok {
			r.emit(protocol.RecordMarker{Name: a.Name, ID: mark}, nil)
			if a.Failure != nil {
				return protocol.Payload{}, a.Failure
			}
			m.value, m.known = a.Value, true
		} else if !m.known {
			r.emit(protocol.RecordMarker{Name: protocol.MarkerMutableSideEffect, ID: mark}, nil)
			e.stop()
		}
		return m.value, nil
	}
	now, err := r.outside(f)
	if err != nil {
		failure := protocol.NewFailure(err)
		r.emit(protocol.RecordMarker{Name: protocol.MarkerMutableSideEffect, ID: mark, Failure: failure}, nil)
		return protocol.Payload{}, failure
	}
	if !m.known || !same(m.value, now) {
		r.emit(protocol.RecordMarker{Name: protocol.MarkerMutableSideEffect, ID: mark, Value: now}, nil)
		m.value, m.known = now, true
	}
	return m.value, nil
}

// Version is which version of a change the run takes: the newest, lastly, if it comes to the change for the first time now, the one it
// came to then, or [DefaultVersion] if it was here before the change was.
func (e *Env) Version(change string, lastly int) (int, error) {
	r := e.run
	r.mayChange("ask for a version")
	if v, ok := r.versions[change]; ok {
		return v, nil
	}
	v := lastly
	if r.turn.replaying {
		a, ok := r.turn.marks.take(protocol.MarkerVersion, change)
		if !ok {
			r.versions = with(r.versions, change, DefaultVersion)
			return DefaultVersion, nil
		}
		if err := a.Value.Decode(&v); err != nil {
			return 0, fmt.Errorf("the version of change %s cannot be read: %w", change, err)
		}
	}
	value, err := protocol.Encode(v)
	if err != nil {
		return 0, err
	}
	r.emit(protocol.RecordMarker{Name: protocol.MarkerVersion, ID: change, Value: value}, nil)
	r.versions = with(r.versions, change, v)
	return v, nil
}

// withoutOldVersions leaves out the version markers that the code no longer asks for: a call may be removed from the code when every
// run is past the change.
func (r *Run) withoutOldVersions(recorded []protocol.Event) []protocol.Event {
	if len(r.turn.marks.recorded) == 0 {
		return recorded
	}
	return slices.DeleteFunc(slices.Clone(recorded), func(e protocol.Event) bool {
		a, ok := e.Attributes.(protocol.MarkerRecorded)
		if !ok || a.Name != protocol.MarkerVersion {
			return false
		}
		_, unused := r.turn.marks.take(a.Name, a.ID)
		return unused
	})
}

// UpsertMemo sets entries of the run's memo.
func (e *Env) UpsertMemo(entries map[string]protocol.Payload) {
	e.run.emit(protocol.ModifyWorkflowProperties{Memo: entries}, nil)
	e.run.info.Memo = protocol.Merge(e.run.info.Memo, entries)
}

// UpsertSearchAttributes sets attributes by which the run can be found.
func (e *Env) UpsertSearchAttributes(attributes map[string]protocol.Payload) {
	e.run.emit(protocol.UpsertWorkflowSearchAttributes{SearchAttributes: attributes}, nil)
	e.run.info.SearchAttributes = protocol.Merge(e.run.info.SearchAttributes, attributes)
}
