// Package arch is the architecture as a test: who may import whom, what a pure package may not touch, and what a small
// binary may not link. Its rules are data, one line each with its reason: see rules.go.
package arch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// module is the path of this module; the rules name its packages relative to it, such as "./worker".
const module = "github.com/millrace-dev/millrace"

// Violation is one place at which the tree breaks a rule.
type Violation struct {
	File string // where: "worker/connect.go"
	Line int
	What string // what is there: "./worker imports ./orchestrator"
	Rule *Rule  // what it breaks
}

// String says where, what and why.
func (v Violation) String() string {
	return fmt.Sprintf("%s:%d: %s\n\twhy not: %s", v.File, v.Line, v.What, v.Rule.Why)
}

// Check reports every place at which the tree breaks one of the rules, in the order of the files.
func Check(tree Tree, rules []*Rule) []Violation {
	var found []Violation
	for _, r := range rules {
		for _, p := range tree {
			if r.covers(p) {
				found = append(found, r.check(r, p)...)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return found
}

// matchesAny reports whether an import path or package matches one of the patterns: "std" for the standard library, a
// path, or a path that ends with /... for the path and everything below it.
func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, path) })
}

func matches(pattern, path string) bool {
	if pattern == "std" {
		return !strings.HasPrefix(path, "./") && !strings.Contains(firstElement(path), ".")
	}
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == below || strings.HasPrefix(path, below+"/")
	}
	return path == pattern
}

func firstElement(path string) string {
	first, _, _ := strings.Cut(path, "/")
	return first
}

// relative writes a package of this module as the rules do.
func relative(path string) string {
	if path == module {
		return "."
	}
	if rest, ok := strings.CutPrefix(path, module+"/"); ok {
		return "./" + rest
	}
	return path
}
