package protocol

// ReusePolicy says whether a workflow ID whose latest run has ended may be used again. The names are Temporal's.
type ReusePolicy string

// Reuse policies. The empty one is [ReuseAllow].
const (
	// ReuseAllow starts a new run, however the last one ended.
	ReuseAllow ReusePolicy = "AllowDuplicate"
	// ReuseAfterFailure starts a new run only if the last one did not complete.
	ReuseAfterFailure ReusePolicy = "AllowDuplicateFailedOnly"
	// ReuseReject never starts a second run under one ID.
	ReuseReject ReusePolicy = "RejectDuplicate"
)

// ConflictPolicy says what a start does when a run of its workflow ID is open. The names are Temporal's.
type ConflictPolicy string

// Conflict policies. The empty one is [ConflictFail].
const (
	// ConflictFail refuses the start.
	ConflictFail ConflictPolicy = "Fail"
	// ConflictUseExisting starts nothing and answers with the open run.
	ConflictUseExisting ConflictPolicy = "UseExisting"
	// ConflictTerminate ends the open run and starts a new one; nothing comes between the two.
	ConflictTerminate ConflictPolicy = "TerminateExisting"
)

// Validate reports a policy that there is not.
func (p ReusePolicy) Validate() error {
	switch p {
	case "", ReuseAllow, ReuseAfterFailure, ReuseReject:
		return nil
	}
	return Errorf(CodeBadRequest, "there is no reuse policy %q", string(p)).
		WithHint("%s, %s or %s", ReuseAllow, ReuseAfterFailure, ReuseReject)
}

// Validate reports a policy that there is not.
func (p ConflictPolicy) Validate() error {
	switch p {
	case "", ConflictFail, ConflictUseExisting, ConflictTerminate:
		return nil
	}
	return Errorf(CodeBadRequest, "there is no conflict policy %q", string(p)).
		WithHint("%s, %s or %s", ConflictFail, ConflictUseExisting, ConflictTerminate)
}

// Allows reports whether a run may be started after one that ended so.
func (p ReusePolicy) Allows(last Status) bool {
	return p != ReuseReject && (p != ReuseAfterFailure || last != StatusCompleted)
}
