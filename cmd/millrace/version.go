package main

import (
	"fmt"
	"runtime"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/protocol"
)

// Version is the version of this program.
func Version() string { return orchestrator.Version }

// versionCmd prints versions.
type versionCmd struct{}

// Run prints them.
func (versionCmd) Run(a *app) error {
	if a.JSON {
		return printJSON(a.out, map[string]any{
			"version": Version(), "record_version": protocol.RecordVersion, "go": runtime.Version(),
		})
	}
	_, err := fmt.Fprintf(a.out, "millrace %s, records of version %d, %s\n", Version(), protocol.RecordVersion, runtime.Version())
	return err
}
