package workflow

// Group runs coroutines and waits for them. The first one that fails cancels the others.
type Group struct {
	ctx    Context
	cancel CancelFunc
	left   int
	done   Future[struct{}]
	err    error
}

// NewGroup returns an empty group. Its coroutines get a context that ends with ctx, or when one of them fails.
func NewGroup(ctx Context) *Group {
	child, cancel := WithCancel(ctx)
	return &Group{ctx: child, cancel: cancel}
}

// Go runs f in a coroutine of the group.
func (g *Group) Go(f func(ctx Context) error) {
	g.ctx.env().MayChange("start a coroutine")
	if g.left++; g.left == 1 {
		g.done = newFuture[struct{}]()
	}
	Go(g.ctx, func(ctx Context) {
		if err := f(ctx); err != nil && g.err == nil {
			g.err = err
			g.cancel()
		}
		if g.left--; g.left == 0 {
			g.done.cell.settle(struct{}{}, nil)
		}
	})
}

// Wait waits until every coroutine of the group has returned, and returns the first error that one of them returned. It
// waits for them after a cancellation too, so that they can put things in order.
func (g *Group) Wait() error {
	if g.left > 0 {
		g.ctx.env().Await(g.done.Ready, &g.done.cell.waiting)
	}
	g.cancel()
	return g.err
}
