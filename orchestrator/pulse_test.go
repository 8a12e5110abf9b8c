package orchestrator

import (
	"sync/atomic"
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

// A node whose network stood still runs, and does not hear itself. It believes nothing while that lasts, nor when it hears again, until it has
// looked around.
func TestPulseOfADeafNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var stood atomic.Int32
		var cut atomic.Bool
		p := newPulse(func() { stood.Add(1) })
		defer p.end()
		p.speak(func() bool {
			if cut.Load() {
				<-time.After(time.Second)
			}
			return !cut.Load()
		})
		<-time.After(time.Minute)
		if !p.sure() || stood.Load() != 0 {
			t.Fatalf("sure %t while it hears itself, and doubted %d times", p.sure(), stood.Load())
		}
		cut.Store(true)
		<-time.After(unheard + pulseEvery)
		if p.sure() {
			t.Error("it is sure though it does not hear itself")
		}
		old := p.doubt()
		cut.Store(false)
		<-time.After(2 * time.Second)
		if p.sure() || stood.Load() != 1 {
			t.Errorf("sure %t when it hears itself again, and told %d times to look around", p.sure(), stood.Load())
		}
		if p.trust(old); p.sure() {
			t.Error("it is sure by a look from before it heard itself")
		}
		if p.trust(p.doubt()); !p.sure() {
			t.Error("it is not sure after it has looked around")
		}
		cut.Store(true)
		p.speak(nil)
		<-time.After(time.Minute)
		if !p.sure() {
			t.Error("it is not sure though nobody is there who could take its shards")
		}
	})
}
