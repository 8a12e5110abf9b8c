package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fleet"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/warp"
)

// warped gives the processes of a fleet clocks and disks that obey.
func warped(ctx context.Context, o *fleet.Options) error {
	program, err := warp.Build(ctx, o.Dir, warp.Command)
	if err != nil {
		return err
	}
	o.Dials = true
	o.Command = func(ctx context.Context, part string) *exec.Cmd {
		return exec.CommandContext(ctx, program, "chaos-part", part) //nolint:gosec // just compiled
	}
	return nil
}

// fullDisk fills the disk of a server. NATS writes again when it was started again; until then it may go on leading streams that it cannot
// write.
func fullDisk(_ context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	p := one(r, f.Servers)
	undo := func(context.Context) error {
		p.Kill()
		return nil
	}
	return Harm{What: p.Name(), Lasts: true, For: between(r, time.Second, 8*time.Second), Undo: undo}, p.Dial().Fill()
}

func slowDisk(_ context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	slow, most := f.Servers, between(r, 200*time.Millisecond, 3*time.Second)
	if r.IntN(2) == 0 {
		i := r.IntN(len(slow))
		slow = slow[i : i+1]
	}
	h := Harm{Lasts: true, For: between(r, 2*time.Second, 8*time.Second)}
	for _, p := range slow {
		h.What += p.Name() + " "
		if err := p.Dial().Slow(most); err != nil {
			return h, err
		}
	}
	h.What += fmt.Sprintf("up to %s", most.Round(time.Millisecond))
	return h, nil
}

// setClock sets the clock of a process that runs, or of one that starts.
func setClock(ctx context.Context, f *fleet.Fleet, r *rand.Rand) (Harm, error) {
	p, by := one(r, slices.Concat(f.Nodes, f.Workers)), one(r, []time.Duration{time.Hour, -time.Hour})
	h := Harm{What: fmt.Sprintf("%s by %s", p.Name(), by), For: between(r, 2*time.Second, 8*time.Second)}
	if r.IntN(2) == 0 {
		return h, p.Dial().Clock(by)
	}
	h.What += " from its start"
	p.Kill()
	if err := p.Dial().Clock(by); err != nil {
		return h, err
	}
	return h, p.Start(ctx)
}
