package workflow

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/millrace-dev/millrace/worker/replay"
)

// Logger returns the run's logger, with the attributes workflow_id, run_id and workflow_type. It is silent while recorded
// steps are replayed, so that each line is written once; a step that is tried again writes its lines again.
func Logger(ctx Context) *slog.Logger {
	r := ctx.run
	if r.logger == nil { // most runs write no line
		info := r.env.Info()
		r.logger = slog.New(quiet{cmp.Or(r.log, slog.Default()).Handler(), r.env}).
			With("workflow_id", info.Workflow, "run_id", info.Run, "workflow_type", info.Type)
	}
	return r.logger
}

// quiet is a handler that is disabled during replay.
type quiet struct {
	slog.Handler

	env *replay.Env
}

// Enabled implements [slog.Handler].
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return !q.env.Replaying() && q.Handler.Enabled(ctx, level)
}

// WithAttrs implements [slog.Handler].
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quiet{q.Handler.WithAttrs(attrs), q.env}
}

// WithGroup implements [slog.Handler].
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name), q.env} }
