package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

const errNoMoney = protocol.ErrorType("NoMoney")

// pay fails in the way that it is told to.
func pay(_ context.Context, how string) (string, error) {
	switch how {
	case "typed":
		return "", fmt.Errorf("account 7: %w", errNoMoney)
	case "go":
		return "", fmt.Errorf("read the account: %w", &fs.PathError{Op: "open", Path: "account", Err: fs.ErrNotExist})
	case "long":
		return "", errors.New("it said " + strings.Repeat("no ", 5<<20/3))
	case "panic":
		panic("out of paper")
	case "benign":
		return "", activity.Benign(activity.NewError("NotYet", "not yet", 7))
	}
	return how, nil
}

// counter passes on what its activity says, wrapped, and notes whether it recognised it.
func counter(ctx workflow.Context, how string) (bool, error) {
	_, err := workflow.Do(ctx, pay, how, workflow.Attempts(1))
	if how == "typed" && !errors.Is(err, errNoMoney) {
		return false, errors.New("the workflow does not recognise it")
	}
	return err == nil, fmt.Errorf("counter: %w", err)
}

// market has a counter as a child.
func market(ctx workflow.Context, how string) (bool, error) {
	ok, err := workflow.DoChild(ctx, counter, how)
	return ok, fmt.Errorf("shop: %w", err)
}

// An error is one typed tree from an activity through a child and its parent to the client, and never too large to be stored.
func TestFailuresCrossEverything(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(market), worker.Workflow(counter), worker.Activity(pay))
	for how, want := range map[string]struct {
		typ  protocol.ErrorType
		text string
	}{
		"typed":  {errNoMoney, "account 7: NoMoney"},
		"go":     {"PathError", "read the account: open account: file does not exist"},
		"long":   {"errorString", "bytes left out"},
		"panic":  {"PanicError", "panic: out of paper"},
		"benign": {"NotYet", "not yet"},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			run := rig.Run(t, e, market, how)
			_, err := run.Wait(t.Context())
			if !errors.Is(err, want.typ) || !strings.Contains(err.Error(), want.text) {
				t.Errorf("the client gets %.200v", err)
			}
			for _, typ := range []protocol.ErrorType{"NoMoney", "PathError", "PanicError", "NotYet"} {
				if typ != want.typ && errors.Is(err, typ) {
					t.Errorf("it is %s as well", typ)
				}
			}
			child, isChild := errors.AsType[*protocol.ChildWorkflowFailure](err)
			act, isActivity := errors.AsType[*protocol.ActivityFailure](err)
			if !isChild || !isActivity || child.WorkflowType != "engine.counter" || act.ActivityType != "engine.pay" {
				t.Errorf("it does not tell whose it is: %+v, %+v", child, act)
			}
			leaf, ok := errors.AsType[*protocol.Failure](err)
			for ok && leaf.Cause != nil {
				leaf = leaf.Cause
			}
			switch {
			case how == "panic" && !strings.Contains(leaf.Stack, "engine.pay("):
				t.Errorf("the stack does not show where: %s", leaf.Stack)
			case how == "benign" && leaf.Application.Category != protocol.CategoryBenign:
				t.Errorf("the category is %q", leaf.Application.Category)
			}
		})
	}
}
