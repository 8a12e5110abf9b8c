// Package docs keeps the documents true: the Go in them compiles, the links lead somewhere, the verbs and flags exist.
package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// pages are the documents, by their path from the root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "cmd/examples/*.md", "cmd/examples/*/*.md"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			path, err := filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			found[filepath.ToSlash(path)] = string(text)
		}
	}
	if len(found) < 6 {
		t.Fatalf("only %d documents", len(found))
	}
	return found
}

var block = regexp.MustCompile("(?s)\n```go\n(.*?)\n```\n")

// The Go of a document is one program: each block that begins with a package clause is a file of that package.
func TestGoCompiles(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range pages(t) {
		blocks := block.FindAllStringSubmatch(text, -1)
		if len(blocks) == 0 {
			continue
		}
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for i, b := range blocks {
				write(t, dir, fmt.Sprintf("code%d.go", i), b[1])
			}
			mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
			if err != nil {
				t.Fatal(err)
			}
			_, requires, _ := strings.Cut(string(mod), "\n")
			requires += "\nrequire github.com/millrace-dev/millrace v0.0.0\nreplace github.com/millrace-dev/millrace => " + here + "\n"
			put(t, filepath.Join(dir, "go.mod"), "module example.com\n"+requires)
			sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
			if err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(dir, "go.sum"), string(sum))
			vet := exec.CommandContext(t.Context(), "go", "vet", "-mod=mod", "./...")
			vet.Dir, vet.Env = dir, append(os.Environ(), "GOFLAGS=", "GOWORK=off")
			if out, err := vet.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

var packageClause = regexp.MustCompile(`(?m)^package (\w+)$`)

// write puts a block into the directory of its package, as a file of its own.
func write(t *testing.T, dir, name, code string) {
	t.Helper()
	clause := packageClause.FindStringSubmatch(code)
	if clause == nil {
		t.Fatalf("a block of Go has no package clause, so nothing checks it:\n%s", code)
	}
	put(t, filepath.Join(dir, clause[1], name), code)
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

var (
	code = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	link = regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`)
)

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for path, text := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

// Every example is in the list of examples, and has a test.
func TestExamplesAreListed(t *testing.T) {
	t.Parallel()
	list := pages(t)["cmd/examples/README.md"]
	programs, err := filepath.Glob(filepath.Join(root, "cmd", "examples", "*", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	if len(programs) < 20 {
		t.Errorf("there are %d examples", len(programs))
	}
	for _, program := range programs {
		name := filepath.Base(filepath.Dir(program))
		if !strings.Contains(list, "| ["+name+"]("+name+") |") {
			t.Errorf("cmd/examples/README.md does not list %s", name)
		}
		tested := false
		for _, pattern := range []string{"*_test.go", filepath.Join("*", "*_test.go")} {
			tests, err := filepath.Glob(filepath.Join(filepath.Dir(program), pattern))
			tested = tested || err == nil && len(tests) > 0
		}
		if !tested {
			t.Errorf("no test runs %s", name)
		}
	}
}

var (
	row  = regexp.MustCompile("(?m)^\\| `([\\w-]+(?: [a-z]+)?)[^`]*`(?:, `[\\w ]+`)* \\|[^|]*\\|([^|]*)\\|$")
	flag = regexp.MustCompile("`(--[\\w-]+)")
)

// The table of verbs in docs/cli.md names verbs and flags that exist.
func TestVerbsExist(t *testing.T) {
	t.Parallel()
	_, table, found := strings.Cut(pages(t)["docs/cli.md"], "## Verbs")
	table, _, _ = strings.Cut(table, "## ")
	rows := row.FindAllStringSubmatch(table, -1)
	if !found || len(rows) < 12 {
		t.Fatalf("docs/cli.md has %d verbs", len(rows))
	}
	h := newHelp(t)
	for _, r := range rows {
		about := h.of(t, r[1])
		for _, f := range flag.FindAllStringSubmatch(r[2], -1) {
			if !strings.Contains(about, f[1]) {
				t.Errorf("%s has no flag %s", r[1], f[1])
			}
		}
	}
}
