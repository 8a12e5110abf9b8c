package main

import (
	"os"
	"runtime/debug"
)

// collectLess lets the heap of a process that works grow to three times what is in use before it is collected, unless GOGC says otherwise:
// nodes, servers and workers keep little and throw away much. What an idle process holds on to, [rest] gives back. Five times would be
// faster by a few percent, and keep more than 50 MB after 10,000 workflows.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
}
