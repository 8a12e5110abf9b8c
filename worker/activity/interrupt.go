package activity

import "errors"

// Why the context of an attempt ended, as [context.Cause] tells, when it was neither canceled by its workflow nor out of time: somebody
// paused or reset the activity, with client.PauseActivity, client.ResetActivity or the command line. An attempt that then returns the
// context's error, or the cause, does not count: it is not one of the retry policy's maximum. One that goes on may come to its end, and
// its result is taken.
var (
	// ErrPaused says that the activity was paused. The next attempt begins when it is unpaused.
	ErrPaused = errors.New("activity: paused")
	// ErrReset says that the activity begins anew, and at once.
	ErrReset = errors.New("activity: reset")
)
