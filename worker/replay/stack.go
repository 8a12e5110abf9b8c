package replay

import (
	"fmt"
	"runtime"
	"strings"
)

// stacks shows where each coroutine waits, in lines of the author's code. A coroutine can only look at its own stack: each is switched
// to, notes where it is, and waits on.
func (r *Run) stacks() string {
	if r.closed {
		return "the workflow has ended: nothing of it waits\n"
	}
	var b strings.Builder
	for i, c := range r.sched.live {
		fmt.Fprintf(&b, "coroutine %d waits at\n", i+1)
		if !c.began {
			b.WriteString("\tits beginning\n")
			continue
		}
		r.sched.trace = new([]uintptr)
		r.enter(c)
		writeFrames(&b, *r.sched.trace)
		r.sched.trace = nil
	}
	return b.String()
}

// trace notes where the running coroutine waits.
func (s *scheduler) note() {
	const deep = 64
	callers := make([]uintptr, deep)
	*s.trace = callers[:runtime.Callers(3, callers)]
}

func writeFrames(b *strings.Builder, callers []uintptr) {
	frames := runtime.CallersFrames(callers)
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "iter.") {
			return
		}
		if isAuthors(f) {
			fmt.Fprintf(b, "\t%s %s\n", line(f), f.Function[strings.LastIndexByte(f.Function, '/')+1:])
		}
		if !more {
			return
		}
	}
}
