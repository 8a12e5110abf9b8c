package replay_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/stories"
	"github.com/millrace-dev/millrace/worker/replay"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the scenario files with what happens now")

// TestScenarios runs testdata/*.txt. Each is an archive: prose, the workflow's code in the language of program_test.go,
// and a story, in which a line that begins with > is a thing that happens and the indented lines below it are what comes
// of it. Run with -rewrite after a change and review the difference.
func TestScenarios(t *testing.T) {
	t.Parallel()
	stories.Run(t, *rewrite, func(t *testing.T, archive *txtar.Archive) {
		s := &story{t: t, archive: archive}
		s.log = slog.New(&teller{w: &s.out})
		for i, f := range archive.Files {
			if strings.HasPrefix(f.Name, "story") {
				archive.Files[i].Data = s.play(f.Data)
			}
		}
	})
}

// story plays one scenario.
type story struct {
	t       *testing.T
	archive *txtar.Archive
	log     *slog.Logger
	world   *replaytest.World
	out     bytes.Buffer
}

func (s *story) play(script []byte) []byte {
	s.world = replaytest.New(s.code("code"))
	defer func() { s.world.Close() }()
	s.out.Reset()
	stories.Play(script, &s.out, func(what string) { s.happen(word(what)) })
	return bytes.Clone(s.out.Bytes())
}

// happen plays one thing:
//
//	start JSON            the run is started
//	step                  the code runs; its commands are shown and recorded
//	call                  a worker is asked for, and none is there yet
//	lose                  a worker takes the step and never answers
//	crash                 the run's memory is lost: the next step replays
//	deploy NAME           from now on new runs use the code in that file, and the old worker is gone
//	replay                the whole history is replayed by a new run
//	complete ID JSON      activity ID ends; also fail ID TYPE MESSAGE, timeout ID, accept ID (a cancellation)
//	local ID JSON         a local activity ends, and the step goes on; also broken ID TYPE MESSAGE
//	query NAME JSON       a query is asked: of the run in memory, or of a replay if there is none
//	fire ID               timer ID fires
//	signal NAME JSON      also cancel and terminate
//	update ID NAME JSON   an update is asked for; admit makes those that wait durable
//	history               the history is shown
//
// What other workflows do is in othersHappen.
func (s *story) happen(verb, args string) {
	first, rest := word(args)
	w := s.world
	switch verb {
	case "start":
		w.Start(value(args))
	case "step":
		s.answer(w.Step())
	case "call":
		w.Call()
	case "lose":
		w.Lose()
	case "crash":
		w.Crash()
	case "deploy":
		w.Crash()
		w.Program = s.code(first)
	case "replay":
		s.answer(w.Replay())
	case "complete":
		w.Complete(first, value(rest))
	case "fail":
		typ, message := word(rest)
		w.Fail(first, &protocol.Failure{Message: message, Application: &protocol.ApplicationFailure{Type: typ}})
	case "timeout":
		w.TimeOut(first, protocol.TimeoutStartToClose)
	case "accept":
		w.AcceptCancel(first)
	case "local":
		s.answer(w.EndLocal(replay.LocalResult{ID: first, Result: payload(s.t, value(rest))}))
	case "broken":
		typ, message := word(rest)
		s.answer(w.EndLocal(replay.LocalResult{ID: first, Failure: &protocol.Failure{
			Message: message, Application: &protocol.ApplicationFailure{Type: typ},
		}}))
	case "query":
		s.told(w.Query(first, value(rest)))
	case "fire":
		w.Fire(first)
	case "signal":
		w.Signal(first, value(rest))
	case "update":
		name, arg := word(rest)
		w.Update(first, name, value(arg))
	case "admit":
		w.Admit()
	case "cancel":
		w.Cancel()
	case "terminate":
		w.Terminate()
	case "history":
		for _, e := range w.History {
			fmt.Fprintf(&s.out, "\t%d %s\n", e.ID, e.Type())
		}
	default:
		if s.othersHappen(verb, first, rest) {
			return
		}
		s.t.Fatalf("unknown verb %q", verb)
	}
}

func (s *story) code(name string) replay.Program {
	for _, f := range s.archive.Files {
		if f.Name == name {
			return parseProgram(s.t, string(f.Data)).workflow(s.log)
		}
	}
	s.t.Fatalf("there is no file %q", name)
	return nil
}

// sourceLine is how a report names a line of the interpreter, which moves whenever the interpreter changes.
var sourceLine = regexp.MustCompile(`(\w+_test\.go):\d+`)

func (s *story) answer(a replay.Answer) {
	if f := a.Failure; f != nil {
		message := sourceLine.ReplaceAllString(f.Message, "$1:N")
		fmt.Fprintf(&s.out, "\t%s: %s\n", a.Cause, strings.ReplaceAll(message, "\n", "\n\t"))
		return
	}
	for _, l := range a.Local {
		fmt.Fprintf(&s.out, "\tthe step waits for %s: %s %s\n", l.ID, l.Command.ActivityType, l.Command.Input.Data)
	}
	if len(a.Local) > 0 {
		return
	}
	for _, c := range a.Commands {
		b, err := protocol.Marshal(c.Attributes)
		if err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(&s.out, "\t%s %s\n", c.Type(), b)
	}
	for _, r := range a.Rejections {
		fmt.Fprintf(&s.out, "\trejects %s: %s\n", r.UpdateID, r.Failure)
	}
	if a.Unchanged {
		fmt.Fprintln(&s.out, "\tnothing to record")
	} else if len(a.Commands) == 0 {
		fmt.Fprintln(&s.out, "\tno commands")
	}
}

// told shows what a query was answered.
func (s *story) told(a *protocol.WorkflowQueryAnswer) {
	if a.Failure != nil {
		fmt.Fprintf(&s.out, "\trefused: %s\n", strings.ReplaceAll(a.Failure.Message, "\n", "\n\t"))
		return
	}
	fmt.Fprintf(&s.out, "\tanswered: %s\n", a.Result.Data)
}

func payload(t *testing.T, v any) protocol.Payload {
	t.Helper()
	p, err := protocol.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// teller writes what the workflow's code logs into the story.
type teller struct{ w *bytes.Buffer }

func (t *teller) Enabled(context.Context, slog.Level) bool { return true }
func (t *teller) WithAttrs([]slog.Attr) slog.Handler       { return t }
func (t *teller) WithGroup(string) slog.Handler            { return t }

func (t *teller) Handle(_ context.Context, r slog.Record) error {
	fmt.Fprintf(t.w, "\tsays %s\n", r.Message)
	return nil
}
