package client

import "context"

// baton is in the hands of the one call that waits on a handle. Others wait for the baton, each for as long as its context allows, and
// find out what the first one heard.
type baton chan struct{}

func newBaton() baton { return make(baton, 1) }

// take waits for the baton. One that is free is taken whatever became of ctx: what is known already is told.
func (b baton) take(ctx context.Context) error {
	select {
	case b <- struct{}{}:
		return nil
	default:
	}
	select {
	case b <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b baton) pass() { <-b }
