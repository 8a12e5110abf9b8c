package sim

// Plant is a bug that a world has, so that the simulation can show that it would find it.
type Plant string

// Bugs.
const (
	NoFence                    Plant = "the compare-and-set is dropped"
	WildcardFence              Plant = "a wildcard fence is used"
	ReleaseBeforeEffects       Plant = "an input is released before its effects"
	DuplicateInFlightIsSuccess Plant = "10158 counts as success"
	InFlightIsSuccess          Plant = "10164 counts as success"
	StaleRead                  Plant = "state is read from a stale follower"
	NoArmFence                 Plant = "a wake-up takes whatever place it finds"
	RepeatedWord               Plant = "a worker's word for the second call has the ID of its first"
	NoTaskID                   Plant = "a task is dispatched again without its ID"
	NotOvertaken               Plant = "a worker is not told that a run goes on without it"
)
