package protocol

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A failure travels in messages and lies in history, so it must not grow without bound: an error whose text is a whole response of 5 MB
// would make the result of its activity impossible to store. These limits keep a failure's text below half a megabyte. Its details are
// not counted: what is large of them goes to the object store.
const (
	maxMessage = 8 << 10
	maxStack   = 16 << 10
	maxDepth   = 16
)

// Bound cuts what is absurdly long: messages above 8 KiB, stacks above 16 KiB, and causes below the sixteenth. It returns f itself if there
// is nothing to cut, and never changes f.
func (f *Failure) Bound() *Failure { return f.bound(0) }

func (f *Failure) bound(depth int) *Failure {
	if f == nil {
		return nil
	}
	message, stack := shorten(f.Message, maxMessage), shorten(f.Stack, maxStack)
	inner := f.Cause
	if depth+1 >= maxDepth {
		inner = nil
	}
	inner = inner.bound(depth + 1)
	if message == f.Message && stack == f.Stack && inner == f.Cause {
		return f
	}
	c := *f
	c.Message, c.Stack, c.Cause = message, stack, inner
	return &c
}

// shorten keeps the beginning and the end of a text, where the point mostly is.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	note := fmt.Sprintf(" ... [%d bytes left out] ... ", len(s)-limit)
	room := limit - len(note)
	head, tail := room*3/4, len(s)-room/4
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	// The text is a part of a much larger one, which must not be kept alive by it.
	return strings.Clone(s[:head]) + note + s[tail:]
}
