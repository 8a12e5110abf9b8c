package protocol

import "time"

// MinRetention is the shortest retention. Requests are recognised, and results asked for, for some minutes after the end of a run.
const MinRetention = time.Hour

// RetentionConfig says how long the runs of a namespace are kept. It lies in the config bucket under [RetentionKey].
type RetentionConfig struct {
	// Retention is how long after its end a run is kept; zero: for ever.
	Retention Duration  `json:"retention"`
	Since     time.Time `json:"since,omitzero"`
}

// RetentionKey is the key of the [RetentionConfig] in the config bucket.
const RetentionKey = "retention"

// ValidateRetention reports whether runs can be kept for that long.
func ValidateRetention(d time.Duration) error {
	if d != 0 && d < MinRetention {
		return Errorf(CodeBadRequest, "a retention of %s is too short", d).
			WithHint("%s is the least; 0 keeps runs for ever", Duration(MinRetention))
	}
	return nil
}

// OldRecord is a record as its message's headers tell.
type OldRecord struct {
	Seq           uint64
	Workflow, Run string
}
