package workflow

import (
	"reflect"
	"sync"

	"github.com/millrace-dev/millrace/protocol"
)

// names caches the names of functions by their code pointer. Every run of a process shares it.
var names sync.Map // uintptr -> string

// activityName is the name under which an activity's function is registered.
func activityName(f any) string { return functionName("activity", f) }

// functionName is the name under which a function is registered.
func functionName(what string, f any) string {
	code := reflect.ValueOf(f).Pointer()
	if name, ok := names.Load(code); ok {
		return name.(string) //nolint:forcetypeassert // nothing else is stored
	}
	name, err := protocol.FuncName(f)
	if err != nil {
		// A mistake in the code, not in the data: the step fails and the run goes on once the code is mended.
		panic("workflow: the " + what + " has no name: " + err.Error())
	}
	names.Store(code, name)
	return name
}
