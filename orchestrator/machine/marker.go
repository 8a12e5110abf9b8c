package machine

import (
	"fmt"

	"github.com/millrace-dev/millrace/protocol"
)

func (t *Turn) marker(c protocol.RecordMarker, task int64) error {
	if c.Name == "" {
		return fmt.Errorf("the marker has no name")
	}
	t.event(protocol.MarkerRecorded{Name: c.Name, ID: c.ID, Value: c.Value, Failure: c.Failure, TaskCompletedID: task})
	return nil
}

// applyProperties folds what the code says of its run: a memo, and attributes to find it by. A draft shares its maps with the run, so
// they are replaced and never changed.
func (r *Run) applyProperties(e protocol.Event) {
	switch a := e.Attributes.(type) {
	case protocol.WorkflowPropertiesModified:
		r.Memo = protocol.Merge(r.Memo, a.Memo)
	case protocol.WorkflowSearchAttributesUpserted:
		r.SearchAttributes = protocol.Merge(r.SearchAttributes, a.SearchAttributes)
	}
}
