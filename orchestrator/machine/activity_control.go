package machine

import (
	"slices"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// takeActivity drafts what somebody does to pending activities from outside. It is nothing to the run's code.
func (t *Turn) takeActivity(in protocol.Input, b protocol.ActivityInput) {
	if t.repeated(in, b.RequestID) || !t.target(in, b.Run, "") {
		return
	}
	if err := b.Validate(); err != nil {
		t.refuse(in, err)
		return
	}
	found := t.run.named(b.Activity)
	if len(found) == 0 {
		t.refuse(in, protocol.Errorf(protocol.CodeNotFound, "workflow %q has no pending activity %q", t.w.ID, b.Activity).
			WithHint("`millrace describe %s` lists them, by ID and by type", t.w.ID))
		return
	}
	events := make([]protocol.EventAttributes, 0, len(found))
	for _, a := range found {
		drafted, err := t.control(a, b)
		if err != nil {
			t.refuse(in, err)
			return
		}
		events = append(events, drafted...)
	}
	for _, e := range events { // all or none: a request that is refused leaves nothing
		t.event(e)
	}
	t.accept(in)
}

// named are the pending activities of that ID, or of that type, in the order in which they were asked for.
func (r *Run) named(name string) []Activity {
	if event, ok := r.activityID.get(name); ok {
		a, _ := r.activities.get(event)
		return []Activity{a}
	}
	var found []Activity
	r.activities.each(func(_ int64, a Activity) {
		if a.ActivityType == name {
			found = append(found, a)
		}
	})
	slices.SortFunc(found, func(a, b Activity) int { return int(a.Event - b.Event) })
	return found
}

// control are the events of one action on one activity; none if nothing changes.
func (t *Turn) control(a Activity, b protocol.ActivityInput) (events []protocol.EventAttributes, err *protocol.Error) {
	if b.Restore || b.Action == protocol.ActivityUpdate {
		o, err := t.changedOptions(a, b)
		if err != nil {
			return nil, err
		}
		events = append(events, protocol.ActivityTaskOptionsUpdated{
			ScheduledID: a.Event, Options: o, RequestID: b.RequestID, Identity: b.Identity,
		})
	}
	switch {
	case b.Action == protocol.ActivityPause && a.Paused == nil:
		events = append(events, protocol.ActivityTaskPaused{
			ScheduledID: a.Event, Reason: b.Reason, RequestID: b.RequestID, Identity: b.Identity,
		})
	case b.Action == protocol.ActivityUnpause && a.Paused != nil:
		events = append(events, protocol.ActivityTaskUnpaused{
			ScheduledID: a.Event, Reason: b.Reason, RequestID: b.RequestID, Identity: b.Identity,
		})
	case b.Action == protocol.ActivityReset:
		events = append(events, protocol.ActivityTaskReset{
			ScheduledID: a.Event, KeepPaused: b.KeepPaused, DropHeartbeat: b.DropHeartbeat,
			Reason: b.Reason, RequestID: b.RequestID, Identity: b.Identity,
		})
	}
	return events, nil
}

// changedOptions are the activity's options after the change, normalised like those of a new one.
func (t *Turn) changedOptions(a Activity, b protocol.ActivityInput) (o protocol.ActivityOptions, err *protocol.Error) {
	o = a.Options()
	if b.Restore && a.asked != nil {
		o = *a.asked
	}
	if b.Changes != nil {
		o = b.Changes.Apply(o)
	}
	if err := validOptions(a.ActivityID, o); err != nil {
		return o, protocol.AsError(err)
	}
	return t.normalize(o), nil
}

func (r *Run) applyActivityControl(e protocol.Event) {
	switch a := e.Attributes.(type) {
	case protocol.ActivityTaskPaused:
		r.remember(a.RequestID)
		r.changeActivity(a.ScheduledID, func(act *Activity) {
			act.Paused = &protocol.Pause{Since: e.Time, Reason: a.Reason, Identity: a.Identity}
		})
	case protocol.ActivityTaskUnpaused:
		r.remember(a.RequestID)
		r.changeActivity(a.ScheduledID, func(act *Activity) { act.Paused = nil })
	case protocol.ActivityTaskReset:
		r.remember(a.RequestID)
		r.changeActivity(a.ScheduledID, func(act *Activity) {
			act.Reset = e.ID
			if a.DropHeartbeat {
				act.dropped = e.ID
			}
			if !a.KeepPaused {
				act.Paused = nil
			}
		})
	case protocol.ActivityTaskOptionsUpdated:
		r.remember(a.RequestID)
		r.changeActivity(a.ScheduledID, func(act *Activity) {
			if act.asked == nil {
				asked := act.Options()
				act.asked = &asked
			}
			if act.Queue != a.Options.Queue {
				act.left = append(slices.Clip(act.left), act.Queue)
			}
			act.ActivityTaskScheduled = act.WithOptions(a.Options)
			r.watch(*act)
		})
	}
}

func (r *Run) changeActivity(event int64, change func(*Activity)) {
	if act, ok := r.activities.get(event); ok {
		change(&act)
		r.activities.put(event, act)
	}
}

// watch sets the deadlines of an activity. Those that it had before and has no more are passed over when they come.
func (r *Run) watch(a Activity) {
	for _, at := range []time.Time{a.Deadline(), a.startBy(), a.asyncBy(), a.silentBy()} {
		if !at.IsZero() {
			r.deadlines.add(at, a.Event)
		}
	}
}

// changed are the options that somebody gave the activity; nil when it has those that the workflow asked for.
func (a Activity) changed() *protocol.ActivityOptions {
	if a.asked == nil {
		return nil
	}
	o := a.Options()
	return &o
}
