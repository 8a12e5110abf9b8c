package workflow

import (
	"fmt"
	"log/slog"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
)

// Program makes a workflow function runnable. It is what a worker registers and what tests feed to a replay.Run; authors
// do not call it. log is where [Logger] writes; nil means slog.Default().
//
// An input that does not decode, and a result that does not encode, fail the run: they are data, and no new code would
// change them.
//
// Interceptors wrap what the workflow does, the first one outermost.
func Program[I, O any](f func(Context, I) (O, error), log *slog.Logger, interceptors ...Interceptor) replay.Program {
	execute := intercept(interceptors, func(ctx Context, input protocol.Payload) (protocol.Payload, error) {
		var in I
		if err := input.Decode(&in); err != nil {
			return protocol.Payload{}, payloadError(fmt.Sprintf("the input of workflow %s cannot be decoded", ctx.env().Info().Type), err)
		}
		out, err := f(ctx, in)
		warnUnfinished(ctx)
		if err != nil {
			return protocol.Payload{}, err
		}
		result, err := protocol.Encode(out)
		if err != nil {
			return protocol.Payload{}, payloadError(fmt.Sprintf("the result of workflow %s cannot be encoded", ctx.env().Info().Type), err)
		}
		return result, nil
	}, func(i Interceptor) func(ExecuteFunc) ExecuteFunc { return i.Execute })
	return func(env *replay.Env, input protocol.Payload) (protocol.Payload, error) {
		ctx := newContext(env, log)
		ctx.run.interceptors = interceptors
		return execute(ctx, input)
	}
}

func newContext(env *replay.Env, log *slog.Logger) Context {
	root := &scope{}
	env.OnCancel(func() { root.cancel("the workflow was asked to cancel") })
	return Context{run: &run{env: env, log: log}, scope: root}
}
