package protocol_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
)

func TestRetryPolicyNext(t *testing.T) {
	t.Parallel()
	app := func(kind string) *protocol.Failure {
		return &protocol.Failure{Message: "no", Application: &protocol.ApplicationFailure{Type: kind}}
	}
	timeout := func(kind protocol.TimeoutType) *protocol.Failure { return protocol.TimeoutError(kind, "late", nil) }
	final := app("shop.Declined")
	final.Application.NonRetryable = true
	later := app("shop.Busy")
	later.Application.NextRetryDelay = 30 * second
	listed := protocol.RetryPolicy{NonRetryableTypes: []string{"shop.Declined", "TemporalTimeout:Heartbeat"}}

	for name, c := range map[string]struct {
		policy   protocol.RetryPolicy
		failure  *protocol.Failure
		attempt  int
		deadline time.Duration // from now; 0: none
		delay    time.Duration
		state    protocol.RetryState
	}{
		"first":                 {protocol.RetryPolicy{}, app("x"), 1, 0, time.Second, protocol.RetryInProgress},
		"doubles":               {protocol.RetryPolicy{}, app("x"), 4, 0, 8 * time.Second, protocol.RetryInProgress},
		"is capped":             {protocol.RetryPolicy{}, app("x"), 50, 0, 100 * time.Second, protocol.RetryInProgress},
		"never overflows":       {protocol.RetryPolicy{}, app("x"), 1 << 30, 0, 100 * time.Second, protocol.RetryInProgress},
		"constant":              {protocol.RetryPolicy{BackoffCoefficient: 1}, app("x"), 9, 0, time.Second, protocol.RetryInProgress},
		"last attempt":          {protocol.RetryPolicy{MaximumAttempts: 3}, app("x"), 3, 0, 0, protocol.RetryMaximumAttemptsReached},
		"one before":            {protocol.RetryPolicy{MaximumAttempts: 3}, app("x"), 2, 0, 2 * time.Second, protocol.RetryInProgress},
		"no retry":              {protocol.RetryPolicy{MaximumAttempts: 1}, app("x"), 1, 0, 0, protocol.RetryMaximumAttemptsReached},
		"author says final":     {protocol.RetryPolicy{}, final, 1, 0, 0, protocol.RetryNonRetryableFailure},
		"author says when":      {protocol.RetryPolicy{}, later, 1, 0, 30 * time.Second, protocol.RetryInProgress},
		"type is listed":        {listed, app("shop.Declined"), 1, 0, 0, protocol.RetryNonRetryableFailure},
		"type is not listed":    {listed, app("shop.Busy"), 1, 0, time.Second, protocol.RetryInProgress},
		"start to close":        {listed, timeout(protocol.TimeoutStartToClose), 1, 0, time.Second, protocol.RetryInProgress},
		"heartbeat is listed":   {listed, timeout(protocol.TimeoutHeartbeat), 1, 0, 0, protocol.RetryNonRetryableFailure},
		"heartbeat":             {protocol.RetryPolicy{}, timeout(protocol.TimeoutHeartbeat), 1, 0, time.Second, protocol.RetryInProgress},
		"schedule to close":     {protocol.RetryPolicy{}, timeout(protocol.TimeoutScheduleToClose), 1, 0, 0, protocol.RetryNonRetryableFailure},
		"schedule to start":     {protocol.RetryPolicy{}, timeout(protocol.TimeoutScheduleToStart), 1, 0, 0, protocol.RetryNonRetryableFailure},
		"canceled":              {protocol.RetryPolicy{}, protocol.CanceledError("stop"), 1, 0, 0, protocol.RetryNonRetryableFailure},
		"unknown kind":          {protocol.RetryPolicy{}, &protocol.Failure{Message: "?"}, 1, 0, time.Second, protocol.RetryInProgress},
		"deadline comes first":  {protocol.RetryPolicy{}, app("x"), 1, time.Second - 1, 0, protocol.RetryTimeout},
		"deadline is far":       {protocol.RetryPolicy{}, app("x"), 1, time.Second, time.Second, protocol.RetryInProgress},
		"policy before timeout": {protocol.RetryPolicy{MaximumAttempts: 1}, app("x"), 1, 1, 0, protocol.RetryMaximumAttemptsReached},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var deadline time.Time
			if c.deadline != 0 {
				deadline = noon.Add(c.deadline)
			}
			delay, state := c.policy.Normalize().Next(c.failure, c.attempt, noon, deadline)
			if delay != c.delay || state != c.state {
				t.Errorf("got %v, %s, want %v, %s", delay, state, c.delay, c.state)
			}
		})
	}
}

func TestRetryPolicyValidate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy protocol.RetryPolicy
		ok     bool
	}{
		{protocol.RetryPolicy{}, true},
		{policy, true},
		{protocol.RetryPolicy{BackoffCoefficient: 1}, true},
		{protocol.RetryPolicy{BackoffCoefficient: 0.5}, false},
		{protocol.RetryPolicy{BackoffCoefficient: -2}, false},
		{protocol.RetryPolicy{InitialInterval: -1}, false},
		{protocol.RetryPolicy{MaximumInterval: -1}, false},
		{protocol.RetryPolicy{InitialInterval: 2, MaximumInterval: 1}, false},
		{protocol.RetryPolicy{MaximumAttempts: -1}, false},
	} {
		if err := c.policy.Validate(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.policy, err)
		}
	}
}

// TestDelayGrows: a policy that is legal never waits a negative time, never less than before, and never beyond its cap.
func TestDelayGrows(t *testing.T) {
	t.Parallel()
	year := int64(365 * 24 * time.Hour)
	rapid.Check(t, func(t *rapid.T) {
		p := protocol.RetryPolicy{
			InitialInterval:    protocol.Duration(rapid.Int64Range(0, year).Draw(t, "initial")),
			BackoffCoefficient: rapid.Float64Range(1, 1e6).Draw(t, "coefficient"),
		}.Normalize()
		attempt := rapid.IntRange(1, 1e6).Draw(t, "attempt")
		a, b := p.Delay(attempt), p.Delay(attempt+1)
		if a < 0 || b < a || b > time.Duration(p.MaximumInterval) {
			t.Fatalf("%+v waits %v, then %v", p, a, b)
		}
	})
}
