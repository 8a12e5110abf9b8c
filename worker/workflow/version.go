package workflow

import (
	"fmt"

	"github.com/millrace-dev/millrace/worker/replay"
)

// DefaultVersion is what [Version] returns in a run that was past the change before the change was made.
const DefaultVersion = replay.DefaultVersion

// Version is how code is changed while runs are open. It says which version of a change the run takes: maxSupported if it comes to the
// change for the first time now, and ever after the same; [DefaultVersion] if the run has been here before, with code that did not have
// the call.
//
//	if workflow.Version(ctx, "bill by invoice", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
//		err = workflow.Do(ctx, Charge, order) // as it was
//	} else {
//		err = workflow.Do(ctx, Invoice, order)
//	}
//
// When no run is left that takes the old branch, raise minSupported and drop the branch; when none is left from before the change, drop
// the call. A run whose version the code no longer supports stops at the call, as it does after a panic, until code runs it that does.
func Version(ctx Context, change string, minSupported, maxSupported int) int {
	v, err := ctx.env().Version(change, maxSupported)
	if err != nil {
		panic(err)
	}
	if v < minSupported || v > maxSupported {
		panic(fmt.Sprintf("workflow: the run took version %d of change %q, and this code supports %d to %d: "+
			"deploy code that supports it, or let workers of the old version end the run", v, change, minSupported, maxSupported))
	}
	return v
}
