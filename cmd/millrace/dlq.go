package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// dlqCmd deals with dead letters: messages that could not be understood or applied.
type dlqCmd struct {
	Ls    dlqLsCmd    `cmd:"" help:"List dead letters, oldest first." aliases:"list"`
	Show  dlqShowCmd  `cmd:"" help:"Show one, with its message."`
	Retry dlqRetryCmd `cmd:"" help:"Send messages again to where they came from."`
	Rm    dlqRmCmd    `cmd:"" help:"Remove dead letters for good."`
}

// letters selects dead letters by what is known of them.
type letters struct {
	Workflow string        `help:"Only messages for this workflow." placeholder:"ID"`
	Shard    *int          `help:"Only messages for workflows of this shard." placeholder:"N"`
	Reason   string        `help:"Only those given up for this reason: a code, or a part of the sentence."`
	Older    time.Duration `name:"older-than" help:"Only those given up longer ago than this." placeholder:"1h"`
	Newer    time.Duration `name:"newer-than" help:"Only those given up since." placeholder:"1h"`
}

func (l letters) filter() client.DeadFilter {
	f := client.DeadFilter{Workflow: l.Workflow, Shard: l.Shard, Reason: l.Reason}
	if l.Older > 0 {
		f.Before = time.Now().Add(-l.Older)
	}
	if l.Newer > 0 {
		f.After = time.Now().Add(-l.Newer)
	}
	return f
}

// find reads the dead letters that fit, at most limit of them unless it is zero.
func (l letters) find(ctx context.Context, c *client.Client, limit int) ([]protocol.DeadLetter, error) {
	found := []protocol.DeadLetter{}
	for d, err := range c.DeadLetters(ctx, l.filter()) {
		if err != nil || limit > 0 && len(found) == limit {
			return found, err
		}
		d.Body = nil // it may be large
		found = append(found, d)
	}
	return found, nil
}

// dlqLsCmd lists dead letters.
type dlqLsCmd struct {
	letters

	Limit int `help:"At most this many; 0 means all." default:"100"`
}

// letterPage is how a list looks in JSON.
type letterPage struct {
	Letters []protocol.DeadLetter `json:"letters"`
}

// Run prints them.
func (l *dlqLsCmd) Run(ctx context.Context, a *app) error {
	return look(ctx, a, func(ctx context.Context, c *client.Client) (letterPage, error) {
		found, err := l.find(ctx, c, l.Limit)
		return letterPage{found}, err
	}, func(p letterPage) error {
		return table(a.out, "SEQ\tAGE\tCODE\tWORKFLOW\tSUBJECT\tBYTES\tREASON", func(line func(string, ...any)) {
			for _, d := range p.Letters {
				line("%d\t%s\t%s\t%s\t%s\t%d\t%s",
					d.Seq, ago(d.Time), d.Code, short(d.Workflow, 32), short(d.Subject, 56), d.Size, short(d.Reason, 80))
			}
		})
	})
}

// dlqShowCmd shows one.
type dlqShowCmd struct {
	Seq uint64 `arg:"" help:"Its number, as ls shows it."`
}

// shownLetter is a dead letter with its message: as JSON if it is JSON, as text, or else in base64.
type shownLetter struct {
	protocol.DeadLetter

	Body   json.RawMessage `json:"body,omitempty"`
	Text   string          `json:"text,omitempty"`
	Base64 []byte          `json:"base64,omitempty"`
}

// Run prints it.
func (s *dlqShowCmd) Run(ctx context.Context, a *app) error {
	return look(ctx, a, func(ctx context.Context, c *client.Client) (shownLetter, error) {
		d, err := c.DeadLetter(ctx, s.Seq)
		shown := shownLetter{DeadLetter: d}
		switch {
		case json.Valid(d.Body):
			shown.Body = d.Body
		case utf8.Valid(d.Body):
			shown.Text = string(d.Body)
		default:
			shown.Base64 = d.Body
		}
		return shown, err
	}, func(d shownLetter) error {
		w := a.out
		fmt.Fprintf(w, "letter    %d\nsince     %s ago\nsubject   %s\n", d.Seq, ago(d.Time), d.Subject)
		if d.Workflow != "" {
			fmt.Fprintf(w, "workflow  %s\n", d.Workflow)
		}
		if d.Shard != nil {
			fmt.Fprintf(w, "shard     %d\n", *d.Shard)
		}
		fmt.Fprintf(w, "reason    %s: %s\n", d.Code, d.Reason)
		if d.MessageID != "" {
			fmt.Fprintf(w, "message   %s\n", d.MessageID)
		}
		for _, name := range slices.Sorted(maps.Keys(d.Headers)) {
			fmt.Fprintf(w, "header    %s: %s\n", name, d.Headers[name])
		}
		cut := ""
		if d.Cut {
			cut = ", of which not all are left"
		}
		_, err := fmt.Fprintf(w, "bytes     %d%s\n\n%s\n", d.Size, cut, printable(d.DeadLetter.Body))
		return err
	})
}

// printable is a message for a terminal.
func printable(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	return fmt.Sprintf("%q", data)
}

// chosen names dead letters, by their numbers or by a filter.
type chosen struct {
	Seqs []uint64 `arg:"" optional:"" name:"seq" help:"Their numbers, as ls shows them."`
	All  bool     `help:"Every one that the other flags select."`
	letters
}

// seqs are the numbers of the chosen ones.
func (ch chosen) seqs(ctx context.Context, c *client.Client) ([]uint64, error) {
	if ch.All == (len(ch.Seqs) > 0) {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "name dead letters by their numbers, or say --all").
			WithHint("millrace dlq ls, then the same flags with --all")
	}
	if !ch.All {
		return ch.Seqs, nil
	}
	found, err := ch.find(ctx, c, 0)
	seqs := make([]uint64, len(found))
	for i, d := range found {
		seqs[i] = d.Seq
	}
	return seqs, err
}

// progressEach is after how many letters a person hears how far it has come.
const progressEach = 100

// each does something with each chosen letter. One that fails does not keep the others from it.
func (ch chosen) each(ctx context.Context, a *app, f func(context.Context, *client.Client, uint64) error) (done int, err error) {
	c, closed, err := a.client()
	if err != nil {
		return 0, err
	}
	defer closed()
	seqs, err := ch.seqs(ctx, c)
	if err != nil {
		return 0, err
	}
	var failed error
	for i, seq := range seqs {
		one, cancel := context.WithTimeout(ctx, a.Timeout)
		if err := f(one, c, seq); err == nil {
			done++
		} else if failed = errors.Join(failed, fmt.Errorf("dead letter %d: %w", seq, err)); ctx.Err() != nil {
			cancel()
			break
		}
		cancel()
		if n := i + 1; n%progressEach == 0 && !a.JSON {
			fmt.Fprintf(a.err, "%d of %d\n", n, len(seqs))
		}
	}
	return done, failed
}

// dlqRetryCmd sends messages again.
type dlqRetryCmd struct{ chosen }

// Run says of each what became of it.
func (r *dlqRetryCmd) Run(ctx context.Context, a *app) error {
	retried := []protocol.Retried{}
	_, err := r.each(ctx, a, func(ctx context.Context, c *client.Client, seq uint64) error {
		one, err := c.RetryDeadLetter(ctx, seq)
		if one.Outcome == "" {
			return err
		}
		retried = append(retried, one)
		if !a.JSON {
			fmt.Fprintln(a.out, became(one))
		}
		return err
	})
	if a.JSON {
		err = errors.Join(printJSON(a.out, map[string]any{"retried": retried}), err)
	}
	left := 0
	for _, one := range retried {
		if one.Outcome == protocol.RetryRefused {
			left++
		}
	}
	if err == nil && left > 0 {
		return protocol.Errorf(protocol.CodeBadRequest, "%d of %d messages were refused again", left, len(retried)).
			WithHint("mend what their reasons say, or `millrace dlq rm` them")
	}
	return err
}

// became says what became of a letter.
func became(r protocol.Retried) string {
	line := strconv.FormatUint(r.Seq, 10) + " " + string(r.Outcome)
	if r.Run != "" {
		line += " by run " + r.Run
	}
	if r.Error != nil {
		line += ": " + r.Error.Message
	}
	if r.BuriedAs != 0 {
		line += fmt.Sprintf(" (it is dead letter %d now)", r.BuriedAs)
	}
	return line
}

// dlqRmCmd removes dead letters.
type dlqRmCmd struct{ chosen }

// Run says how many it removed.
func (r *dlqRmCmd) Run(ctx context.Context, a *app) error {
	removed, err := r.each(ctx, a, func(ctx context.Context, c *client.Client, seq uint64) error { return c.RemoveDeadLetter(ctx, seq) })
	if a.JSON {
		return errors.Join(printJSON(a.out, map[string]int{"removed": removed}), err)
	}
	fmt.Fprintf(a.out, "removed %d\n", removed)
	return err
}
