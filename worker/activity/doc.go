// Package activity is what the author of an activity uses. An activity is an ordinary Go function that takes a context and one
// value and returns one value and an error; it may do anything, may fail, and may be run again:
//
//	func Charge(ctx context.Context, o Order) (Receipt, error) {
//		r, err := bank.Charge(ctx, o.ID, o.Amount)
//		switch {
//		case errors.Is(err, bank.ErrNoMoney):
//			return Receipt{}, activity.Terminal(err) // trying again will not help
//		case errors.Is(err, bank.ErrBusy):
//			return Receipt{}, activity.RetryAfter(err, time.Minute)
//		}
//		return r, err // any other error is tried again, as the workflow's retry policy says
//	}
//
// It runs at least once for each attempt, and its result is recorded exactly once. Make what it does idempotent, with
// [Info](ctx).Key as the key.
//
// A long activity reports that it is still at work with [Heartbeat]; the next attempt finds what was reported last with
// [HeartbeatDetails]. Without the context of a running activity the functions of this package do nothing harmful, so that
// an activity can be tested by calling it.
package activity
