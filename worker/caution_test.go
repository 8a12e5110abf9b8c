package worker

import "testing"

// tries is how many of the next steps are foreseen, each of which goes well or not.
func (c *caution) tries(steps int, well bool) (n int) {
	for range steps {
		if !c.may("a") {
			continue
		}
		if n++; well {
			c.well("a")
		} else {
			c.vain("a")
		}
	}
	return n
}

func TestCaution(t *testing.T) {
	t.Parallel()
	c := caution{of: map[string]wary{}}
	if n := c.tries(100, true); n != 100 {
		t.Errorf("%d of 100 steps are foreseen when all goes well", n)
	}
	if n := c.tries(10_000, false); n > 20 {
		t.Errorf("%d of 10,000 steps are foreseen in vain", n)
	}
	if n := c.tries(10_000, true); n < 7_000 {
		t.Errorf("%d of 10,000 steps are foreseen when all goes well again", n)
	}
	if !c.may("b") {
		t.Error("another type suffers")
	}
}
