package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
	"github.com/millrace-dev/millrace/protocol/codec/aesgcm"
	"github.com/millrace-dev/millrace/protocol/codec/zstd"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// secret is what must not be found anywhere in NATS.
const secret = "the-vault-opens-at-noon"

// keys are a ring of keys of the given IDs, of which the first is the active one.
func keys(t *testing.T, ids ...string) *aesgcm.Ring {
	t.Helper()
	all := map[string][]byte{}
	for _, id := range ids {
		key := sha256.Sum256([]byte(id))
		all[id] = key[:]
	}
	ring, err := aesgcm.NewRing(ids[0], all)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// sealing are the codecs of these tests.
func sealing(t *testing.T, ids ...string) []codec.Codec {
	t.Helper()
	return []codec.Codec{zstd.New(), aesgcm.New(keys(t, ids...))}
}

func sealed(t *testing.T, e *rig.Engine, ids ...string) *client.Client {
	t.Helper()
	c, err := client.New(e.Conn(), client.DefaultQueue(rig.Queue), client.Codec(sealing(t, ids...)...), client.BlobThreshold(2000))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var (
	passphrase = workflow.NewSignal[string]("passphrase")
	amend      = workflow.NewUpdate[string, string]("amend")
	reveal     = workflow.NewQuery[string, string]("reveal")
)

// vault passes a secret through everything that can carry one.
func vault(ctx workflow.Context, in string) (string, error) {
	said := in
	workflow.HandleQuery(ctx, reveal, func(q string) (string, error) { return q + said, nil })
	workflow.HandleUpdate(ctx, amend, func(_ workflow.Context, s string) (string, error) { return s + said, nil })
	if err := workflow.UpsertMemo(ctx, map[string]any{"where": secret}); err != nil {
		return "", err
	}
	side, err := workflow.SideEffect(ctx, func() (string, error) { return secret + in, nil })
	if err != nil {
		return "", err
	}
	whispered, err := workflow.Receive(ctx, passphrase)
	if err != nil {
		return "", err
	}
	guarded, err := workflow.Do(ctx, guard, side+whispered, soon())
	if err != nil {
		return "", err
	}
	local, err := workflow.DoLocal(ctx, echo, guarded)
	if err != nil {
		return "", err
	}
	if _, err := workflow.Do(ctx, betray, local, workflow.Attempts(1)); !errors.Is(err, protocol.ErrorType("Betrayed")) {
		return "", fmt.Errorf("the wrong error: %w", err)
	}
	child, err := workflow.DoChild(ctx, confide, local, workflow.ChildMemo(map[string]any{"of": secret}))
	if err != nil {
		return "", err
	}
	if strings.Count(child, secret) == 0 {
		return "", errors.New("the secret was lost on the way")
	}
	return child, nil
}

func soon() workflow.ActivityOption {
	return workflow.Retry(workflow.RetryPolicy{InitialInterval: workflow.Duration(time.Millisecond)})
}

// guard fails once, and tells its next attempt why by a heartbeat.
func guard(ctx context.Context, in string) (string, error) {
	if activity.Info(ctx).Attempt == 1 {
		if err := activity.Heartbeat(ctx, secret); err != nil {
			return "", err
		}
		return "", errors.New("dropped " + secret)
	}
	told, ok, err := activity.HeartbeatDetails[string](ctx)
	if err != nil || !ok || told != secret {
		return "", activity.Terminal(fmt.Errorf("the heartbeat says %q, %v, %w", told, ok, err))
	}
	if last := activity.Info(ctx).LastFailure; last == nil || last.Message != "dropped "+secret {
		return "", activity.Terminal(fmt.Errorf("the attempt before failed with %w", last))
	}
	return in, nil
}

func echo(_ context.Context, in string) (string, error) { return in, nil }

// betray fails with everything it knows.
func betray(_ context.Context, in string) (string, error) {
	return "", activity.NewError("Betrayed", "it is "+secret, in)
}

func confide(_ workflow.Context, in string) (string, error) { return in, nil }

// Nothing that a user sends lies in NATS in plain text: not in a stream, not in a bucket, not in the object store. Large values are
// encrypted as well, and a replay by another worker compares what it cannot compare byte by byte.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	for name, padding := range map[string]string{"in messages": "", "in the object store": noise(4000)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := rig.Start(t)
			opts := []worker.Option{
				worker.Workflow(vault), worker.Workflow(confide), worker.Activity(guard), worker.Activity(echo), worker.Activity(betray),
				worker.Codec(sealing(t, "k1")...), worker.EncodeFailures(), worker.CacheSize(0), worker.BlobThreshold(2000),
			}
			e.Work(t, opts...)
			c := sealed(t, e, "k1")
			in := secret + padding
			run, err := client.Start(t.Context(), c, vault, in, client.Memo(map[string]any{"what": secret}))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := client.Query(t.Context(), c, run.ID(), reveal, padding); err != nil || got != padding+in {
				t.Errorf("the query says %.60q, %v", got, err)
			}
			if got, err := client.Update(t.Context(), c, run.ID(), amend, padding); err != nil || got != padding+in {
				t.Errorf("the update says %.60q, %v", got, err)
			}
			if err := client.Signal(t.Context(), c, run.ID(), passphrase, in); err != nil {
				t.Fatal(err)
			}
			want := secret + in + in
			if got, err := run.Wait(t.Context()); err != nil || got != want {
				t.Errorf("got %.60q, %v", got, err)
			}
			described, err := c.Describe(t.Context(), run.ID())
			if got := described.Memo["what"].String(); err != nil || got != `"`+secret+`"` {
				t.Errorf("the memo is shown as %s, %v", got, err)
			}
			for _, a := range rig.Find[protocol.ActivityTaskFailed](e.History(t, run.ID())) {
				if a.Failure.Application.Type != "Betrayed" || a.Failure.Message != "encoded failure" {
					t.Errorf("history shows the failure %v of type %s", a.Failure, a.Failure.Application.Type)
				}
			}
			hides(t, e, secret)
			// What is not secret is found, so what was looked at is what there is.
			if len(scan(t, e, run.ID())) == 0 {
				t.Error("not even the workflow ID was found")
			}
			// What was deleted from a stream may still be in its files. The last block of a stream is not compressed.
			e.Halt(t)
			for _, text := range []string{secret, noise(4000)[:64]} {
				for _, f := range files(t, e, text) {
					t.Errorf("the secret lies in plain text in %s", f)
				}
			}
			if kinds := files(t, e, run.ID()); !holds(kinds, "HISTORY") || !holds(kinds, "KV_MR_default_runs") {
				t.Errorf("the workflow ID was found in %v only", kinds)
			}
		})
	}
}

// hides fails the test where a text lies open in NATS.
func hides(t *testing.T, e *rig.Engine, text string) {
	t.Helper()
	for _, m := range scan(t, e, text) {
		t.Errorf("the secret lies in plain text in %.600s", m)
	}
}

func holds(paths []string, part string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return strings.Contains(p, part) })
}

// files finds the files that hold a text, in everything that an engine keeps on disk.
func files(t *testing.T, e *rig.Engine, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(e.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// scan finds the messages that hold a text in every stream, which buckets and the object store are as well.
func scan(t *testing.T, e *rig.Engine, text string) (found []string) {
	t.Helper()
	js, err := natsjs.New(e.Conn())
	if err != nil {
		t.Fatal(err)
	}
	streams := js.ListStreams(t.Context())
	for info := range streams.Info() {
		s, err := js.Stream(t.Context(), info.Config.Name)
		if err != nil {
			t.Fatal(err)
		}
		for seq := info.State.FirstSeq; seq <= info.State.LastSeq && info.State.Msgs > 0; seq++ {
			m, err := s.GetMsg(t.Context(), seq)
			if errors.Is(err, natsjs.ErrMsgNotFound) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if whole := fmt.Sprint(m.Subject, " ", m.Header, " ", string(m.Data)); strings.Contains(whole, text) {
				found = append(found, whole)
			}
		}
	}
	if streams.Err() != nil {
		t.Fatal(streams.Err())
	}
	return found
}

// noise is text that does not become smaller.
func noise(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%x", sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
	}
	return b.String()
}

// A worker without the key neither fails the run nor takes what it cannot read for a change of the code: its step fails, says what is
// missing, and is taken by one that has it.
func TestWorkerWithoutTheKey(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]worker.Option{
		"no codec":  nil,
		"wrong key": {worker.Codec(sealing(t, "k2")...)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := rig.Start(t)
			stop := e.Work(t, append(opts, worker.Workflow(confide))...)
			run, err := client.Start(t.Context(), sealed(t, e, "k1"), confide, secret)
			if err != nil {
				t.Fatal(err)
			}
			e.Await(t, run.ID(), "WorkflowTaskFailed")
			f := rig.Find[protocol.WorkflowTaskFailed](e.History(t, run.ID()))[0].Failure
			if !strings.Contains(f.Error(), "k1") || f.Application == nil || f.Application.Type != string(protocol.CodeBadPayload) {
				t.Errorf("the step fails with %v", f)
			}
			stop()
			e.Work(t, worker.Workflow(confide), worker.Codec(sealing(t, "k1")...))
			if got, err := run.Wait(t.Context()); err != nil || got != secret {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// rotating waits twice, so that its history is written with two keys.
func rotating(ctx workflow.Context, in string) (string, error) {
	for range 2 {
		next, err := workflow.Receive(ctx, passphrase)
		if err != nil {
			return "", err
		}
		if in, err = workflow.Do(ctx, echo, in+next); err != nil {
			return "", err
		}
	}
	return in, nil
}

// Keys change while a run is open: its history is read with the old one and goes on with the new one.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	work := func(ids ...string) func() {
		return e.Work(t, worker.Workflow(rotating), worker.Activity(echo), worker.Codec(sealing(t, ids...)...))
	}
	stop := work("k1")
	run, err := client.Start(t.Context(), sealed(t, e, "k1"), rotating, "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Signal(t.Context(), sealed(t, e, "k1"), run.ID(), passphrase, "b"); err != nil {
		t.Fatal(err)
	}
	e.Await(t, run.ID(), "ActivityTaskCompleted")
	stop()
	work("k2", "k1")
	if err := client.Signal(t.Context(), sealed(t, e, "k2", "k1"), run.ID(), passphrase, "c"); err != nil {
		t.Fatal(err)
	}
	got, err := client.Get[string](sealed(t, e, "k2", "k1"), run.ID(), "").Wait(t.Context())
	if err != nil || got != "abc" {
		t.Errorf("got %q, %v", got, err)
	}
	used := map[string]int{}
	for _, a := range rig.Find[protocol.ActivityTaskScheduled](e.History(t, run.ID())) {
		used[a.Input.Metadata[aesgcm.MetadataKey]]++
	}
	if used["k1"] != 1 || used["k2"] != 1 {
		t.Errorf("the inputs of activities are encrypted with %v", used)
	}
	if _, err := run.Wait(t.Context()); protocol.AsError(err).Code != protocol.CodeBadPayload || !strings.Contains(err.Error(), `"k2"`) {
		t.Errorf("a client that has the old key only got %v", err)
	}
}

// relay hands a secret on to its next run, with the signals that it has not received.
func relay(ctx workflow.Context, in string) (string, error) {
	if workflow.GetInfo(ctx).Previous == "" {
		if _, err := workflow.Receive(ctx, word); err != nil {
			return "", err
		}
		return "", workflow.ContinueAsNew(ctx, relay, in+"!")
	}
	said, err := workflow.Receive(ctx, passphrase)
	return in + said, err
}

// Signals that were not received travel to the next run inside one payload, and are encrypted there as well.
func TestCarriedSignalsStaySecret(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(relay), worker.Codec(sealing(t, "k1")...), worker.CacheSize(0))
	c := sealed(t, e, "k1")
	run, err := client.Start(t.Context(), c, relay, secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, sig := range []workflow.Signal[string]{passphrase, word} {
		if err := client.Signal(t.Context(), c, run.ID(), sig, secret); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := run.Wait(t.Context()); err != nil || got != secret+"!"+secret {
		t.Errorf("got %q, %v", got, err)
	}
	hides(t, e, secret)
}

// changed asks for an activity with another input than when its history was written.
type changed struct{ input string }

func (c *changed) Run(ctx workflow.Context, _ string) (string, error) {
	if _, err := workflow.Do(ctx, echo, c.input); err != nil {
		return "", err
	}
	return workflow.Receive(ctx, passphrase)
}

// The report of a change in the code quotes values, so only those who have the key can read it, even when other failures are plain.
func TestChangeIsReportedToThoseWithTheKey(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	work := func(input string) func() {
		c := &changed{input}
		return e.Work(t, worker.Workflow(c.Run), worker.Activity(echo), worker.Codec(sealing(t, "k1")...))
	}
	stop := work(secret)
	c := sealed(t, e, "k1")
	run, err := client.Start(t.Context(), c, (&changed{}).Run, "")
	if err != nil {
		t.Fatal(err)
	}
	e.Await(t, run.ID(), "ActivityTaskCompleted")
	stop()
	work("another " + secret)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_ = client.Signal(ctx, c, run.ID(), passphrase, "go") // it is not answered before the step is taken
	e.Await(t, run.ID(), "WorkflowTaskFailed")
	reported := func(c *client.Client) protocol.WorkflowTaskFailed {
		for ev, err := range c.History(t.Context(), run.ID()) {
			if err != nil {
				t.Fatal(err)
			}
			if a, ok := ev.Attributes.(protocol.WorkflowTaskFailed); ok {
				return a
			}
		}
		return protocol.WorkflowTaskFailed{Failure: &protocol.Failure{}}
	}
	if a := reported(e.Client()); a.Cause != protocol.CauseNonDeterministic || a.Failure.Message != "encoded failure" {
		t.Errorf("without the key: %s, %v", a.Cause, a.Failure)
	}
	if a := reported(c); !strings.Contains(a.Failure.Message, `"`+secret[:10]) || !strings.Contains(a.Failure.Message, `"another the`) {
		t.Errorf("with the key: %v", a.Failure)
	}
	hides(t, e, secret[:10])
}

// Whoever completes an activity from elsewhere encrypts what it says.
func TestCompletionFromElsewhereStaysSecret(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	tokens := make(chan string, 1)
	later := func(ctx context.Context, _ string) (string, error) {
		tokens <- activity.Token(ctx)
		return "", activity.ErrResultPending
	}
	wait := func(ctx workflow.Context, in string) (string, error) {
		return workflow.NewActivity[string, string]("later").Do(ctx, in)
	}
	e.Work(t, worker.Workflow(wait, worker.Named("wait")), worker.Activity(later, worker.Named("later")),
		worker.Codec(sealing(t, "k1")...), worker.EncodeFailures())
	c := sealed(t, e, "k1")
	run, err := client.StartNamed[string](t.Context(), c, "wait", secret)
	if err != nil {
		t.Fatal(err)
	}
	token := <-tokens
	if _, err := c.HeartbeatActivity(t.Context(), token, secret); err != nil {
		t.Fatal(err)
	}
	rig.Until(t, "the completion", func() bool { return c.CompleteActivity(t.Context(), token, secret) == nil })
	if got, err := run.Wait(t.Context()); err != nil || got != secret {
		t.Errorf("got %q, %v", got, err)
	}
	hides(t, e, secret)
}
