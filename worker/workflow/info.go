package workflow

import (
	"hash/fnv"
	"math/rand/v2"

	"github.com/millrace-dev/millrace/worker/replay"
)

// Info describes a run to its own code. See [GetInfo].
type Info = replay.Info

// GetInfo returns the workflow ID, the run ID and what else the run knows of itself.
func GetInfo(ctx Context) Info { return ctx.env().Info() }

// Rand returns the run's source of random numbers. It is seeded with the run ID: each run has its own numbers, and has the
// same ones when its code runs again. A run that was reset repeats those of the run before it up to the reset, and then has its own.
// They can be predicted, so they must not protect anything.
func Rand(ctx Context) *rand.Rand {
	ctx.env().MayChange("draw a random number")
	if seed := ctx.env().Seed(); ctx.run.rand == nil || ctx.run.seed != seed {
		h := fnv.New64a()
		_, _ = h.Write([]byte(seed))
		ctx.run.rand, ctx.run.seed = rand.New(rand.NewPCG(h.Sum64(), 0)), seed //nolint:gosec // must be predictable
	}
	return ctx.run.rand
}
