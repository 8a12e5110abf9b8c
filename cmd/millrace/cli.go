package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"github.com/millrace-dev/millrace/protocol"
)

// std is where a command writes.
type std struct{ out, err io.Writer }

// cli is the tree of verbs. Its fields are the global flags, named as in the nats CLI.
type cli struct {
	Server    string `help:"URL of the NATS server." short:"s" env:"NATS_URL" placeholder:"URL"`
	Context   string `help:"NATS context, as saved by the nats CLI." env:"NATS_CONTEXT" placeholder:"NAME"`
	login     `embed:""`
	KeyFile   string        `help:"File with the keys of encrypted values." env:"MILLRACE_KEY_FILE" placeholder:"FILE"`
	Namespace string        `help:"Namespace of the workflows." short:"n" env:"MILLRACE_NAMESPACE" default:"default"`
	Timeout   time.Duration `help:"How long to wait for an answer." default:"15s"`
	JSON      bool          `help:"Write JSON; its shape is stable." name:"json" short:"j"`
	LogLevel  string        `help:"What to log: debug, info, warn or error." default:"info" enum:"debug,info,warn,error"`

	Dev        devCmd          `cmd:"" help:"Run NATS and a node in this process, for development." group:"run"`
	Serve      serveCmd        `cmd:"" help:"Run a node next to a NATS with JetStream." group:"run"`
	Demo       demoCmd         `cmd:"" help:"Watch a workflow survive SIGKILLs." group:"run"`
	Bench      benchCmd        `cmd:"" help:"Measure the engine against the floor of its broker." group:"run"`
	Chaos      chaosCmd        `cmd:"" help:"Kill, freeze and cut off what runs, and check every history." group:"run"`
	Start      startCmd        `cmd:"" help:"Start a workflow." group:"work"`
	Signal     signalCmd       `cmd:"" help:"Send a signal to a workflow." group:"work"`
	Update     updateCmd       `cmd:"" help:"Ask a workflow to change something, and for its answer." group:"work"`
	Cancel     cancelCmd       `cmd:"" help:"Ask a workflow to stop." group:"work"`
	Terminate  terminateCmd    `cmd:"" help:"End a workflow at once." group:"work"`
	Delete     deleteCmd       `cmd:"" help:"Remove a workflow that has ended, with its history." group:"work"`
	Pause      pauseCmd        `cmd:"" help:"Stop a workflow before its next step." group:"work"`
	Unpause    unpauseCmd      `cmd:"" help:"Let a paused workflow go on." group:"work"`
	Reset      resetCmd        `cmd:"" help:"Take a workflow's steps anew from one of them on." group:"work"`
	Activity   activityCmd     `cmd:"" help:"Pause, reset, change or complete single activities." group:"work"`
	Blob       blobCmd         `cmd:"" help:"List, remove and collect files in the object store." group:"work"`
	Backup     backupCmd       `cmd:"" help:"Keep the namespace in a directory." group:"work"`
	Restore    restoreCmd      `cmd:"" help:"Make the namespace anew from a backup." group:"work"`
	Describe   describeCmd     `cmd:"" help:"Show what a workflow is doing." group:"look"`
	Query      queryCmd        `cmd:"" help:"Ask a workflow's code something." group:"look"`
	Stack      stackCmd        `cmd:"" help:"Show where a workflow's code waits." group:"look"`
	Show       showCmd         `cmd:"" help:"Show a workflow's history and timeline." group:"look"`
	List       listCmd         `cmd:"" help:"List runs, newest first." group:"look" aliases:"ls"`
	Export     exportCmd       `cmd:"" help:"Write the histories of runs to files." group:"look"`
	CheckHist  checkHistoryCmd `cmd:"" name:"check-history" help:"Check the code of a worker against recorded runs." group:"look"`
	Workers    workersCmd      `cmd:"" help:"List the workers that are there right now." group:"look"`
	Load       loadCmd         `cmd:"" help:"Show what waits, how full the store is, and whether new runs are refused." group:"look"`
	Auth       authCmd         `cmd:"" help:"Print what a role needs to be allowed in NATS." group:"look"`
	Versions   versionsCmd     `cmd:"" help:"List the versions of the code that a queue's workers run." group:"look"`
	Promote    promoteCmd      `cmd:"" help:"Make a version of the code current on a queue." group:"work"`
	Dlq        dlqCmd          `cmd:"" help:"List, show, retry and remove what could not be understood." group:"look"`
	Version    versionCmd      `cmd:"" help:"Print the version." group:"look"`
	Completion completionCmd   `cmd:"" help:"Print a completion script for a shell." group:"look"`

	DemoNode   demoNodeCmd   `cmd:"" name:"demo-node" hidden:""`
	DemoWorker demoWorkerCmd `cmd:"" name:"demo-worker" hidden:""`
	BenchRole  benchRoleCmd  `cmd:"" name:"bench-role" hidden:""`
	ChaosPart  chaosPartCmd  `cmd:"" name:"chaos-part" hidden:""`
}

// exit statuses.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// codeWorkflowFailed says that a workflow did not complete, which is no error of Millrace.
const codeWorkflowFailed protocol.Code = "workflow_failed"

// execute parses the arguments and runs the verb. Errors are printed here and nowhere else.
func execute(ctx context.Context, args []string, s std) int {
	var c cli
	status, exited := exitOK, false
	parser, err := kong.New(&c,
		kong.Name("millrace"), kong.Description("Durable workflows on NATS JetStream."), kong.UsageOnError(),
		kong.Writers(s.out, s.err), kong.Exit(func(code int) { status, exited = code, true }),
		kong.ExplicitGroups([]kong.Group{
			{Key: "run", Title: "Run:"}, {Key: "work", Title: "Work:"}, {Key: "look", Title: "Look:"},
		}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic(err) // the tags of the struct above are wrong
	}
	parsed, err := parser.Parse(args)
	if exited {
		return status // --help
	}
	if err != nil {
		c.JSON = c.JSON || slices.Contains(args, "--json") || slices.Contains(args, "-j") // the parser may not have come so far
		fail(&c, s, protocol.Errorf(protocol.CodeBadRequest, "%v", err).WithHint("millrace --help"))
		return exitUsage
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(&app{cli: &c, std: s, parser: parser}); err != nil {
		fail(&c, s, err)
		return exitError
	}
	return exitOK
}

// app is what a verb runs with.
type app struct {
	*cli
	std

	parser *kong.Kong
}

// fail prints an error for a person, or for a program with --json.
func fail(c *cli, s std, err error) {
	e := describeError(err)
	if c.JSON {
		printJSON(s.err, protocol.ErrorAnswer{Error: e}) //nolint:errcheck // nowhere left to say it
		return
	}
	fmt.Fprintf(s.err, "Error: %s\n", e.Message)
	if e.Hint != "" {
		fmt.Fprintf(s.err, "Try:   %s\n", e.Hint)
	}
}

// describeError finds the code, the sentence and the hint in an error. A run that did not complete is an error of its own.
func describeError(err error) *protocol.Error {
	if known, ok := errors.AsType[*protocol.Error](err); ok {
		return known
	}
	if f, ok := errors.AsType[*protocol.Failure](err); ok && errors.Is(f, protocol.ErrRejected) {
		return &protocol.Error{Code: "update_rejected", Message: f.Error()}
	}
	if f, ok := errors.AsType[*protocol.Failure](err); ok {
		return &protocol.Error{Code: codeWorkflowFailed, Message: f.Error()}
	}
	if errors.Is(err, context.Canceled) {
		return protocol.Errorf(protocol.CodeTimeout, "interrupted before it was done").WithHint("the same command again")
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return protocol.Errorf(protocol.CodeTimeout, "there was no answer in time").WithHint("a longer --timeout")
	}
	return protocol.AsError(err)
}
