package client

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// DeadFilter selects dead letters. What is zero selects all.
type DeadFilter struct {
	// Workflow is whom the message was for, and Shard the shard of that workflow.
	Workflow string
	Shard    *int
	// Reason is the code of the reason, or a part of its sentence.
	Reason string
	// After and Before bound the time at which the message was given up.
	After, Before time.Time
}

func (f DeadFilter) fits(d protocol.DeadLetter) bool {
	return (f.Workflow == "" || d.Workflow == f.Workflow) &&
		(f.Shard == nil || d.Shard != nil && *d.Shard == *f.Shard) &&
		(f.Reason == "" || string(d.Code) == f.Reason || strings.Contains(d.Reason, f.Reason)) &&
		(f.After.IsZero() || d.Time.After(f.After)) && (f.Before.IsZero() || d.Time.Before(f.Before))
}

// DeadLetters reads the messages that could not be understood or applied, oldest first.
func (c *Client) DeadLetters(ctx context.Context, f DeadFilter) iter.Seq2[protocol.DeadLetter, error] {
	return func(yield func(protocol.DeadLetter, error) bool) {
		s, err := c.open(ctx)
		if err != nil {
			yield(protocol.DeadLetter{}, err)
			return
		}
		for d, err := range s.DeadLetters(ctx) {
			if (err != nil || f.fits(d)) && !yield(d, err) {
				return
			}
		}
	}
}

// DeadLetter reads one.
func (c *Client) DeadLetter(ctx context.Context, seq uint64) (protocol.DeadLetter, error) {
	s, err := c.open(ctx)
	if err != nil {
		return protocol.DeadLetter{}, err
	}
	return s.ReadDeadLetter(ctx, seq)
}

// RetryDeadLetter sends the message once more to where it came from, and says what became of it. It removes the dead letter, unless the
// message was refused and lies nowhere else. A retry that is repeated within two minutes sends nothing again.
func (c *Client) RetryDeadLetter(ctx context.Context, seq uint64) (protocol.Retried, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	s, err := c.open(ctx)
	if err != nil {
		return protocol.Retried{Seq: seq}, err
	}
	d, err := s.ReadDeadLetter(ctx, seq)
	if err != nil {
		return protocol.Retried{Seq: seq}, err
	}
	r, err := s.RetryDeadLetter(ctx, d)
	if err == nil && r.Settled() {
		err = s.RemoveDeadLetter(context.WithoutCancel(ctx), seq)
	}
	return r, err
}

// RemoveDeadLetter removes one for good.
func (c *Client) RemoveDeadLetter(ctx context.Context, seq uint64) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	return s.RemoveDeadLetter(ctx, seq)
}
