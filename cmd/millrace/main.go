// Command millrace runs Millrace and talks to it: a development server, nodes next to a NATS, and everything an operator or a
// script does with workflows. `millrace --help` lists the verbs; docs/cli.md describes their JSON.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

// run is main without the exit. The first interrupt ends what runs in good order, the second ends the process.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return execute(ctx, args, std{out: os.Stdout, err: os.Stderr})
}
