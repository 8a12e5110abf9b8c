package orchestrator

import (
	"testing"
	"testing/synctest"
	"time"
)

// A process that stood still knows it, whoever looks first, and believes nothing until it has looked around. Looking that began before it
// stood still once more does not count.
func TestPulse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stood := 0
		p := newPulse(func() { stood++ })
		defer p.end()
		still := func() { // the timer is late, as everything else would be
			synctest.Wait() // it may be beating right now
			p.timer.Stop()
			<-time.After(2 * standstill)
		}
		<-time.After(time.Hour)
		if !p.sure() || stood != 0 {
			t.Fatalf("sure %t after an hour in which it stood still %d times", p.sure(), stood)
		}
		for _, look := range []func(){func() {}, p.beat} {
			before := stood
			still()
			look()
			if p.sure() || stood != before+1 {
				t.Fatalf("sure %t, and it is said to have stood still %d times, want once more than %d", p.sure(), stood, before)
			}
			<-time.After(standstill / 2)
			old := p.doubt()
			still()
			if p.trust(old); p.sure() {
				t.Error("it is sure by a look from before it stood still")
			}
			if p.trust(p.doubt()); !p.sure() {
				t.Error("it is not sure after it has looked around")
			}
			p.beat()
		}
	})
}

func TestNoPulse(t *testing.T) {
	t.Parallel()
	if p := (*pulse)(nil); !p.sure() {
		t.Error("who has no pulse is not sure")
	}
}
