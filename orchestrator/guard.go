package orchestrator

import (
	"log/slog"
	"runtime/debug"

	"github.com/millrace-dev/millrace/protocol"
)

// guarded calls f and makes an error of a panic. What nobody thought of must not take down a node, and then the next one that meets
// the same request or the same input: it fails, loudly, and the others go on.
func guarded(log *slog.Logger, what string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("ALARM: a panic, which is a bug in Millrace", "in", what, "panic", p, "stack", string(debug.Stack()))
			err = protocol.Errorf(protocol.CodeInternal, "%s panicked: %v", what, p).
				WithHint("this is a bug in Millrace; the node's log has the stack")
		}
	}()
	return f()
}
