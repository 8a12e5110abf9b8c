package orchestrator

import (
	"sync"
	"time"
)

// complainEvery is how often a shard says of one thing that it does not work. A full disk fails thousands of steps at once, again and
// again, and the log may lie on that disk.
const complainEvery = time.Second

// complaints are what a shard has said lately.
type complaints struct {
	mu   sync.Mutex
	said map[string]complaint
}

type complaint struct {
	at     time.Time
	unsaid int // since
}

// speak reports whether it is time to say something of a kind again, and how often it was left unsaid.
func (c *complaints) speak(kind string) (unsaid int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, now := c.said[kind], time.Now()
	if now.Sub(last.at) < complainEvery {
		last.unsaid++
		c.said[kind] = last
		return 0, false
	}
	if c.said == nil {
		c.said = make(map[string]complaint)
	}
	c.said[kind] = complaint{at: now}
	return last.unsaid, true
}
