package replay_test

import (
	"strconv"

	"github.com/millrace-dev/millrace/worker/workflow"
)

// marked executes the statements that write something down:
//
//	version CHANGE MAX    say which version of a change the run has
//	side JSON             make a side effect with that value, and say it
//	watch ID TEXT         the same for a mutable side effect
//	memo KEY JSON         and attribute KEY TEXT
func (in *interpreter) marked(ctx workflow.Context, s statement, first, rest string) (known bool, err error) {
	switch s.verb {
	case "version":
		newest, err := strconv.Atoi(rest)
		if err != nil {
			panic(err)
		}
		sayf(ctx, "%s: version %d", first, workflow.Version(ctx, first, workflow.DefaultVersion, newest))
	case "side":
		v, err := workflow.SideEffect(ctx, func() (any, error) { return value(s.args), nil })
		return true, in.outcome(ctx, "side", v, err)
	case "watch":
		v, err := workflow.MutableSideEffect(ctx, first, func() (string, error) { return rest, nil })
		return true, in.outcome(ctx, first, v, err)
	case "memo":
		return true, workflow.UpsertMemo(ctx, map[string]any{first: value(rest)})
	case "attribute":
		workflow.UpsertSearchAttributes(ctx, workflow.NewSearchKey[string](first).Is(rest))
	default:
		return false, nil
	}
	return true, nil
}
