package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// showCmd shows a run's history.
type showCmd struct {
	one

	Timeline bool `help:"Only the timeline."`
}

// history is the JSON form of show.
type history struct {
	ID     string           `json:"id"`
	Events []protocol.Event `json:"events"`
}

// Run prints the history as a table, then the timeline.
func (s *showCmd) Run(ctx context.Context, a *app) error {
	return look(ctx, a, func(ctx context.Context, c *client.Client) (history, error) {
		h := history{ID: s.ID}
		for e, err := range c.History(ctx, s.ID, s.to()...) {
			if err != nil {
				return h, err
			}
			h.Events = append(h.Events, e)
		}
		return h, nil
	}, func(h history) error {
		if !s.Timeline {
			if err := a.showEvents(h.Events); err != nil {
				return err
			}
			fmt.Fprintln(a.out)
		}
		return printTimeline(a.out, h.Events)
	})
}

func (a *app) showEvents(events []protocol.Event) error {
	return table(a.out, "EVENT\tAFTER\tTYPE\tDETAILS", func(line func(string, ...any)) {
		for _, e := range events {
			line("%d\t%s\t%s\t%s", e.ID, e.Time.Sub(events[0].Time).Round(1e6), e.Type(), short(details(e), 100))
		}
	})
}

// details says in a few words what matters about an event.
func details(e protocol.Event) string {
	switch v := e.Attributes.(type) {
	case protocol.WorkflowExecutionStarted:
		return words(v.WorkflowType, "on", v.Queue, payloadText(v.Input))
	case protocol.WorkflowExecutionCompleted:
		return payloadText(v.Result)
	case protocol.WorkflowExecutionFailed:
		return v.Failure.Error()
	case protocol.WorkflowExecutionTerminated:
		return v.Reason
	case protocol.WorkflowExecutionSignaled:
		return words(v.Name, payloadText(v.Input))
	case protocol.WorkflowExecutionUpdateAdmitted:
		return words(v.Request.UpdateID, v.Request.Name, payloadText(v.Request.Input))
	case protocol.WorkflowExecutionUpdateAccepted:
		return words(v.Request.UpdateID, v.Request.Name, payloadText(v.Request.Input))
	case protocol.WorkflowExecutionUpdateCompleted:
		if v.Failure != nil {
			return words(v.UpdateID, v.Failure.Error())
		}
		return words(v.UpdateID, payloadText(v.Result))
	case protocol.WorkflowExecutionUpdateRejected:
		return words(v.UpdateID, v.Failure.Error())
	case protocol.WorkflowTaskStarted:
		return v.Identity
	case protocol.WorkflowTaskFailed:
		return words(string(v.Cause), v.Failure.Message)
	case protocol.ActivityTaskScheduled:
		return words(v.ActivityType, payloadText(v.Input))
	case protocol.ActivityTaskStarted:
		return fmt.Sprintf("of %d, attempt %d on %s", v.ScheduledID, v.Attempt, v.Identity)
	case protocol.ActivityTaskCompleted:
		return words(fmt.Sprintf("of %d", v.ScheduledID), payloadText(v.Result))
	case protocol.ActivityTaskFailed:
		return words(fmt.Sprintf("of %d", v.ScheduledID), v.Failure.Error(), "("+string(v.RetryState)+")")
	case protocol.ActivityTaskTimedOut:
		return words(fmt.Sprintf("of %d", v.ScheduledID), v.Failure.Error(), "("+string(v.RetryState)+")")
	case protocol.TimerStarted:
		return words(v.TimerID, "in", v.StartToFire.String())
	case protocol.TimerFired:
		return v.TimerID
	}
	return detailsOfOthers(e.Attributes)
}

// words joins what is not empty, in one line.
func words(parts ...string) string {
	kept := parts[:0:0]
	for _, p := range parts {
		if p = strings.Join(strings.Fields(p), " "); p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " ")
}
