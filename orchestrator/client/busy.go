package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// A start that is refused because the system is busy is tried again after a pause of busyFirst, twice as long each time, up to busyMost.
const (
	busyFirst = 50 * time.Millisecond
	busyMost  = 2 * time.Second
)

// FailWhenBusy has a start fail at once with an error of code busy ([protocol.ErrBusy]) when there is no room for a new run. Without it
// the client tries again, ever more slowly, until the call's context ends: so whoever starts more than the system can do is slowed down.
func FailWhenBusy() Option { return func(c *Client) { c.failWhenBusy = true } }

// insist asks again while there is no room for a new run. When there is no time left for that, the refusal is the error, and not that of
// the context: nothing was done. A question that time may cut short would leave that open, so none is begun that has less time than the
// pause before it.
func (c *Client) insist(ctx context.Context, ask func() (protocol.Verdict, error)) (protocol.Verdict, error) {
	for pause := busyFirst; ; pause = min(2*pause, busyMost) {
		v, err := ask()
		if c.failWhenBusy || !errors.Is(err, protocol.ErrBusy) {
			return v, err
		}
		wait := pause/2 + rand.N(pause) //nolint:gosec // so that those who were refused together do not come back together
		if end, ok := ctx.Deadline(); ok && time.Until(end) <= 2*wait {
			return v, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return v, err
		}
	}
}
