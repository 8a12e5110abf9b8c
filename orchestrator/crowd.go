package orchestrator

// crowd is how many inputs of one workflow may wait while the shard has little room left. A step that does not end, because the code blocks
// or its worker is slow, would hold them all, and the shard reads no inbox once it has [maxInWork] in work: every other workflow would
// wait for that one. So a crowd is recorded first, batch by batch and without a worker, and the step is taken afterwards.
const crowd = maxInWork / 16

// crowdBytes is the same for their size.
const crowdBytes = maxInWorkBytes / 4

// crowded reports whether the inputs that wait keep others out.
func (a *actor) crowded() bool {
	a.shard.mu.Lock()
	defer a.shard.mu.Unlock()
	return a.crowds()
}

// crowds is crowded for whoever holds the shard's lock.
func (a *actor) crowds() bool {
	return (len(a.queue) >= crowd || a.queued >= crowdBytes) && a.shard.work.scarce()
}

// mustHear reports whether the step under way was cut short for an input that it can take.
func (a *actor) mustHear() bool {
	a.shard.mu.Lock()
	defer a.shard.mu.Unlock()
	return a.urgent()
}
