package security

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/access"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
)

// soon is far below the shortest time after which anything gives up by itself.
const soon = time.Second

// Whoever is refused hears so at once, with a sentence that says what, and not that time is up.
func TestRefusalsAreSaid(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.node("orchestrator", "default")
	h.work("second", "q2", worker.Activity(echo))
	h.node("other-node", "other")
	token := protocol.ActivityToken{Workflow: "wf", Run: "run", ScheduledID: 5, Attempt: 1}.String()
	run := func(user string, opts ...worker.Option) error {
		return worker.New(h.as(user), "q1", append(opts, worker.Logger(rig.Logger(t)))...).Run(t.Context())
	}
	for what, act := range map[string]struct {
		do      func(context.Context) error
		subject string
	}{
		"an observer that starts": {func(ctx context.Context) error {
			_, err := client.Start(ctx, h.client("observer"), leaf, "")
			return err
		}, "mr.default.in."},
		"an observer that signals": {func(ctx context.Context) error {
			return client.Signal(ctx, h.client("observer"), "wf", finish, "")
		}, "mr.default.in."},
		"an observer that terminates": {func(ctx context.Context) error {
			return h.client("observer").Terminate(ctx, "wf")
		}, "mr.default.in."},
		"an observer that promotes": {func(ctx context.Context) error {
			_, err := h.client("observer").Promote(ctx, "q1", "v1")
			return err
		}, "mr.default.api.versions"},
		"an observer with a large payload": {func(ctx context.Context) error {
			_, err := h.client("observer").PutBlob(ctx, strings.NewReader("x"))
			return err
		}, "$O.MR_default_blobs."},
		"a client that completes an activity": {func(ctx context.Context) error {
			return h.client("client").CompleteActivity(ctx, token, "")
		}, "mr.default.in."},
		"a client of another namespace": {func(ctx context.Context) error {
			_, err := h.client("stranger").Describe(ctx, "wf")
			return err
		}, "$JS.API.STREAM.MSG.GET.KV_MR_default_config"},
		"a worker of another queue": {func(context.Context) error {
			return run("second", worker.Activity(echo))
		}, "mr.default.cancel.q1"},
		"a worker of another version": {func(context.Context) error {
			return run("worker-q1", worker.Workflow(leaf), worker.Version("v2"))
		}, "mr.default.wft.q1=40v2"},
		"a node that is a client": {func(ctx context.Context) error {
			_, err := orchestrator.Attach(ctx, h.as("client"), orchestrator.Options{Logger: rig.Logger(t)})
			return err
		}, "$JS.API.INFO"},
	} {
		t.Run(what, func(t *testing.T) {
			begun := time.Now()
			err := act.do(t.Context())
			e, ok := errors.AsType[*protocol.Error](err)
			if !ok || e.Code != protocol.CodeUnauthorized || !strings.Contains(e.Message, `"`+act.subject) || e.Hint == "" {
				t.Errorf("got %v", err)
			}
			if took := time.Since(begun); took > soon {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A connection without the user's own inbox prefix hears no answers, which is said as well: again and again, and by both ways of asking.
func TestMissingInboxPrefixIsSaid(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.node("orchestrator", "default")
	c, err := client.New(h.as("client", nats.CustomInboxPrefix("_INBOX_else")))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		begun := time.Now()
		_, err := client.Start(t.Context(), c, leaf, "", client.Queue("q1"))
		if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeUnauthorized || !strings.Contains(e.Hint, "inbox") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begun); took > soon {
			t.Errorf("it took %s", took)
		}
	}
}

// A user who may use the inbox and the control API only does with that, at once.
func TestWithoutTheDirectWays(t *testing.T) {
	t.Parallel()
	p, err := access.Of(access.User{Role: access.Client, Shards: shards, Name: "modest"})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range p.Publish {
		p.Publish[i].Subjects = without(r.Subjects, "mr.default.direct.", "mr.default.query.", "$JS.API.STREAM.INFO.MR_", "$JS.API.DIRECT.")
	}
	h := open(t, strings.ReplaceAll(p.Conf(), "$MODEST_PASSWORD", "secret"))
	h.node("orchestrator", "default")
	h.work("worker-q1", "q1", worker.Workflow(everything), worker.Version("v1"))
	c := h.client("modest", client.Identity("modest"))
	begun := time.Now()
	run, err := client.Start(t.Context(), c, everything, "in")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got, err := client.Query(t.Context(), c, run.ID(), status, "it "); err != nil || got != "it waits" {
			t.Errorf("the query says %q, %v", got, err)
		}
		if _, err := client.Update(t.Context(), c, run.ID(), change, "now "); err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(begun); took > soon {
		t.Errorf("it took %s", took)
	}
	h.nothingRefused() // at least nothing that the program hears of
}

func without(subjects []string, prefixes ...string) (left []string) {
	for _, s := range subjects {
		keep := true
		for _, p := range prefixes {
			keep = keep && !strings.HasPrefix(s, p)
		}
		if keep {
			left = append(left, s)
		}
	}
	return left
}
