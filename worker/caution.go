package worker

import "sync"

const (
	// skipFirst is how many steps of a workflow type are not foreseen after one was in vain, and skipMost how many it becomes.
	skipFirst = 16
	skipMost  = 1024
)

// caution keeps a worker from foreseeing steps in vain. That costs a replay of the run's whole history, many times what it saves, and where
// it happens it is likely to happen again: the code takes long, or has local activities, or signals come as fast as results. So each step
// that was foreseen in vain has the next ones of its workflow type left out, more each time, and each that went well halves their number.
type caution struct {
	mu sync.Mutex
	of map[string]wary // by workflow type
}

// wary is how many steps are left out still, and how many the next time.
type wary struct{ left, next int }

// may reports whether the next step of a workflow type is to be foreseen.
func (c *caution) may(workflow string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.of[workflow]
	if w.left == 0 {
		return true
	}
	w.left--
	c.of[workflow] = w
	return false
}

// well notes a step that was foreseen, as far as the worker knows.
func (c *caution) well(workflow string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w, ok := c.of[workflow]; ok {
		w.next /= 2
		w.left = max(w.left, w.next)
		c.of[workflow] = w
	}
}

// vain notes a step that was foreseen in vain.
func (c *caution) vain(workflow string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := min(2*c.of[workflow].next+skipFirst, skipMost)
	c.of[workflow] = wary{left: next, next: next}
}
