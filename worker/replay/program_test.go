package replay_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A program is workflow code in a small language, so that scenarios can show it and properties can make it up.
// Blocks are indented by tabs. The verbs are in interpreter_test.go.
type program []statement

type statement struct {
	verb string
	args string
	body program
}

// parseProgram reads the language.
func parseProgram(t *testing.T, text string) program {
	t.Helper()
	var root statement
	stack := []*statement{&root}
	for line := range strings.SplitSeq(text, "\n") {
		words := strings.TrimLeft(line, "\t")
		depth := len(line) - len(words)
		if words == "" || words[0] == '#' {
			continue
		}
		if depth >= len(stack) {
			t.Fatalf("indented too far: %q", line)
		}
		verb, args, _ := strings.Cut(words, " ")
		parent := stack[depth]
		parent.body = append(parent.body, statement{verb: verb, args: args})
		stack = append(stack[:depth+1], &parent.body[len(parent.body)-1])
	}
	return root.body
}

// String writes the program back.
func (p program) String() string {
	var b strings.Builder
	p.write(&b, "")
	return b.String()
}

func (p program) write(b *strings.Builder, indent string) {
	for _, s := range p {
		fmt.Fprintln(b, strings.TrimRight(indent+s.verb+" "+s.args, " "))
		s.body.write(b, indent+"\t")
	}
}

// word splits off the first word.
func word(args string) (first, rest string) {
	first, rest, _ = strings.Cut(args, " ")
	return first, strings.TrimSpace(rest)
}

// value reads a JSON value; nothing is nil.
func value(text string) any {
	if text == "" {
		return nil
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		panic(fmt.Sprintf("%q is not JSON: %v", text, err))
	}
	return v
}
