package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// look runs a call that only reads.
func look[T any](
	ctx context.Context, a *app, read func(context.Context, *client.Client) (T, error), show func(T) error,
) error {
	var v T
	err := a.call(ctx, func(ctx context.Context, c *client.Client) (err error) {
		v, err = read(ctx, c)
		return err
	})
	if err != nil {
		return err
	}
	if a.JSON {
		return printJSON(a.out, v)
	}
	return show(v)
}

// describeCmd shows a run's present state.
type describeCmd struct{ one }

// Run prints it.
func (d *describeCmd) Run(ctx context.Context, a *app) error {
	return look(ctx, a, func(ctx context.Context, c *client.Client) (protocol.Description, error) {
		return c.Describe(ctx, d.ID, d.to()...)
	}, a.describe)
}

// showValues shows what a run's start and code said of it.
func showValues(w io.Writer, what string, values map[string]protocol.Payload) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(w, "%-8s  %s %s\n", what, name, payloadText(values[name]))
	}
}

func (a *app) describe(d protocol.Description) error {
	w := a.out
	fmt.Fprintf(w, "workflow  %s\nrun       %s\ntype      %s\nqueue     %s\nstatus    %s\nstarted   %s ago\nevents    %d\n",
		d.ID, d.Run, kind(d.Row), d.Queue, d.Status, ago(d.Started), d.HistoryLength)
	if !d.Begins.IsZero() {
		fmt.Fprintf(w, "begins    %s\n", d.Begins.Local().Format(time.DateTime))
	}
	if p := d.Paused; p != nil {
		fmt.Fprintf(w, "paused    %s ago by %s%s\n", ago(p.Since), p.Identity, because(p.Reason))
	}
	if d.CancelRequested {
		fmt.Fprintln(w, "asked to stop")
	}
	showValues(w, "memo", d.Memo)
	showValues(w, "search", d.SearchAttributes)
	if !d.Closed.IsZero() {
		fmt.Fprintf(w, "took      %s\n", d.Closed.Sub(d.Started).Round(time.Millisecond))
	}
	if o := d.Outcome; o != nil && o.Failure != nil {
		fmt.Fprintf(w, "failure   %v\n", o.Failure)
	} else if o != nil {
		fmt.Fprintf(w, "result    %s\n", payloadText(o.Result))
	}
	if t := d.Task; t != nil {
		a.describeTask(t)
	}
	for _, t := range d.Timers {
		fmt.Fprintf(w, "timer     %s fires at %s\n", t.TimerID, t.FireAt.Local().Format(time.DateTime))
	}
	for _, u := range d.Updates {
		fmt.Fprintf(w, "update    %s %s, %s\n", u.ID, u.Name, u.Stage)
	}
	a.describeOthers(d)
	for _, p := range d.Activities {
		fmt.Fprintf(w, "activity  %s %s, attempt %d%s, scheduled %s ago\n",
			p.ActivityID, p.Type, p.Attempt, limit(p.MaximumAttempts), ago(p.Scheduled))
		if p.Paused != nil {
			fmt.Fprintf(w, "          paused %s ago%s\n", ago(p.Paused.Since), because(p.Paused.Reason))
		} else if !p.NextAttempt.IsZero() {
			fmt.Fprintf(w, "          next attempt at %s\n", p.NextAttempt.Local().Format(time.DateTime))
		}
		if c := p.Changed; c != nil {
			fmt.Fprintf(w, "          changed from outside; queue %s\n", c.Queue)
		}
		if p.LastFailure != nil {
			fmt.Fprintf(w, "          last failure: %v\n", p.LastFailure)
		}
	}
	return nil
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

func limit(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" of %d", n)
}

// describeTask shows a step that waits or fails. A report of several lines, such as the two columns of a nondeterministic
// change, stays as it is.
func (a *app) describeTask(t *protocol.PendingTask) {
	if t.Failure == nil {
		fmt.Fprintln(a.out, "waits for a worker")
		return
	}
	fmt.Fprintf(a.out, "its step fails, attempt %d is next (%s)\n", t.Attempt, t.Cause)
	for line := range strings.Lines(t.Failure.Message) {
		fmt.Fprint(a.out, "  ", line)
	}
	fmt.Fprintln(a.out)
	if t.Failure.Stack != "" {
		fmt.Fprintln(a.out, t.Failure.Stack)
	}
}

// listCmd lists runs.
type listCmd struct {
	Status string `help:"Only runs in this state: Running, Completed, Failed, Canceled, Terminated, TimedOut or ContinuedAsNew."`
	Type   string `help:"Only this workflow type."`
	Queue  string `help:"Only this queue." short:"q"`
	Limit  int    `help:"At most this many." default:"50"`
}

// Run prints them, newest first.
func (l *listCmd) Run(ctx context.Context, a *app) error {
	return look(ctx, a, func(ctx context.Context, c *client.Client) (protocol.ListPage, error) {
		page := protocol.ListPage{Runs: []protocol.Row{}}
		req := protocol.ListRequest{
			Status: protocol.Status(l.Status), Type: l.Type, Queue: l.Queue, Limit: min(l.Limit, 1000),
		}
		for row, err := range c.List(ctx, req) {
			if err != nil || len(page.Runs) == l.Limit {
				return page, err
			}
			page.Runs = append(page.Runs, row)
		}
		return page, nil
	}, func(p protocol.ListPage) error {
		return table(a.out, "WORKFLOW\tTYPE\tQUEUE\tSTATUS\tSTARTED\tTOOK\tEVENTS", func(line func(string, ...any)) {
			for _, r := range p.Runs {
				took := ""
				if !r.Closed.IsZero() {
					took = r.Closed.Sub(r.Started).Round(1e6).String()
				}
				line("%s\t%s\t%s\t%s\t%s ago\t%s\t%d", short(r.ID, 48), kind(r), r.Queue, r.Status, ago(r.Started), took, r.HistoryLength)
			}
		})
	})
}

// kind is what a run is: a workflow of a type, or an activity that runs alone.
func kind(r protocol.Row) string {
	if r.Activity {
		return r.Type + " (activity)"
	}
	return r.Type
}

// workersCmd lists workers.
type workersCmd struct {
	Queue string `arg:"" optional:"" help:"Only this queue."`
}

// Run prints them.
func (l *workersCmd) Run(ctx context.Context, a *app) error {
	return look(ctx, a, func(ctx context.Context, c *client.Client) (protocol.WorkersAnswer, error) {
		w, err := c.Workers(ctx, l.Queue)
		return protocol.WorkersAnswer{Workers: append([]protocol.Worker{}, w...)}, err
	}, func(ans protocol.WorkersAnswer) error {
		return table(a.out, "WORKER\tQUEUE\tWORKFLOWS\tACTIVITIES\tSDK\tUP", func(line func(string, ...any)) {
			for _, w := range ans.Workers {
				line("%s\t%s\t%s\t%s\t%s\t%s",
					w.ID, w.Queue, strings.Join(w.Workflows, ","), strings.Join(w.Activities, ","), w.SDK, ago(w.Started))
			}
		})
	})
}
