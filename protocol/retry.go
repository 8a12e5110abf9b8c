package protocol

import (
	"math"
	"slices"
	"time"
)

// RetryPolicy says how often and how fast a failed activity is tried again.
// A field that is zero takes Temporal's default; see [RetryPolicy.Normalize].
type RetryPolicy struct {
	// InitialInterval is the wait before the second attempt. Defaults to 1 s.
	InitialInterval Duration `json:"initial_interval,omitzero"`
	// BackoffCoefficient multiplies the wait after each attempt. Defaults to 2. It must not be below 1.
	BackoffCoefficient float64 `json:"backoff_coefficient,omitzero"`
	// MaximumInterval caps the wait. Defaults to 100 times InitialInterval.
	MaximumInterval Duration `json:"maximum_interval,omitzero"`
	// MaximumAttempts limits the attempts, the first included. Zero means no limit; 1 means no retry.
	MaximumAttempts int `json:"maximum_attempts,omitzero"`
	// NonRetryableTypes lists the types of application failures that end the activity at once.
	NonRetryableTypes []string `json:"non_retryable_types,omitempty"`
}

// Normalize returns the policy with every default filled in. Policies are stored normalised in history, so that a run
// keeps its policy when the defaults change.
func (p RetryPolicy) Normalize() RetryPolicy {
	if p.InitialInterval == 0 {
		p.InitialInterval = Duration(time.Second)
	}
	if p.BackoffCoefficient == 0 {
		p.BackoffCoefficient = 2
	}
	if p.MaximumInterval == 0 {
		p.MaximumInterval = 100 * min(p.InitialInterval, math.MaxInt64/100)
		p.MaximumInterval = max(p.MaximumInterval, p.InitialInterval)
	}
	return p
}

// Validate reports the first field that makes no sense.
func (p RetryPolicy) Validate() error {
	switch {
	case p.InitialInterval < 0:
		return Errorf(CodeBadRequest, "a retry policy's initial interval is negative")
	case p.BackoffCoefficient != 0 && !(p.BackoffCoefficient >= 1):
		return Errorf(CodeBadRequest, "a retry policy's backoff coefficient is below 1").
			WithHint("1 keeps the wait constant, 2 doubles it")
	case p.MaximumInterval < 0 || p.MaximumInterval != 0 && p.MaximumInterval < p.InitialInterval:
		return Errorf(CodeBadRequest, "a retry policy's maximum interval is below its initial interval")
	case p.MaximumAttempts < 0:
		return Errorf(CodeBadRequest, "a retry policy's maximum attempts is negative").WithHint("0 means no limit")
	}
	return nil
}

// Delay is the wait after the given attempt (from 1) failed. The policy must be normalised.
func (p RetryPolicy) Delay(attempt int) time.Duration {
	d := float64(p.InitialInterval) * math.Pow(p.BackoffCoefficient, float64(attempt-1))
	if d >= float64(p.MaximumInterval) {
		return time.Duration(p.MaximumInterval)
	}
	return time.Duration(d)
}

// RetryState says why a failed activity is, or is not, tried again. The names are Temporal's.
type RetryState string

// Retry states.
const (
	RetryInProgress             RetryState = "InProgress"
	RetryNonRetryableFailure    RetryState = "NonRetryableFailure"
	RetryTimeout                RetryState = "Timeout"
	RetryMaximumAttemptsReached RetryState = "MaximumAttemptsReached"
	RetryCancelRequested        RetryState = "CancelRequested"
	timeoutTypePrefix                      = "TemporalTimeout:"
)

// Next decides what follows the failure f of the given attempt: [RetryInProgress] and the wait before the next attempt,
// or the state that ends the retries. deadline, when not zero, is the schedule-to-close deadline that a retry must start
// before. The policy must be normalised.
func (p RetryPolicy) Next(f *Failure, attempt int, now, deadline time.Time) (time.Duration, RetryState) {
	if !p.retryable(f) {
		return 0, RetryNonRetryableFailure
	}
	if p.MaximumAttempts > 0 && attempt >= p.MaximumAttempts {
		return 0, RetryMaximumAttemptsReached
	}
	delay := p.Delay(attempt)
	if f.Application != nil && f.Application.NextRetryDelay > 0 {
		delay = time.Duration(f.Application.NextRetryDelay)
	}
	if !deadline.IsZero() && now.Add(delay).After(deadline) {
		return 0, RetryTimeout
	}
	return delay, RetryInProgress
}

func (p RetryPolicy) retryable(f *Failure) bool {
	switch {
	case f.Canceled != nil, f.Terminated != nil:
		return false
	case f.Timeout != nil:
		t := f.Timeout.Type
		return (t == TimeoutStartToClose || t == TimeoutHeartbeat) &&
			!slices.Contains(p.NonRetryableTypes, timeoutTypePrefix+string(t))
	case f.Application != nil:
		return !f.Application.NonRetryable && !slices.Contains(p.NonRetryableTypes, f.Application.Type)
	}
	return true
}
