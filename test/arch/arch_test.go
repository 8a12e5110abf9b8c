package arch_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	"go.uber.org/goleak"

	"github.com/millrace-dev/millrace/test/arch"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the reports in testdata with what is found now")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// root is the module's folder.
const root = "../.."

func TestArchitecture(t *testing.T) {
	t.Parallel()
	tree, err := arch.Load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree) < 5 {
		t.Fatalf("only %d packages were found: the test looks at the wrong place", len(tree))
	}
	for _, v := range arch.Check(tree, arch.Rules) {
		t.Error(v)
	}
}

// TestRulesSee proves that every rule reports what breaks it. Each file of testdata is a small tree of sources, and at its
// end the report that they must give.
func TestRulesSee(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[*arch.Rule]bool)
	for _, file := range files {
		for _, v := range report(t, file) {
			seen[v.Rule] = true
		}
	}
	for _, r := range arch.Rules {
		if !seen[r] {
			t.Errorf("no file of testdata breaks the rule %q: nobody knows whether it works", r.Why)
		}
	}
}

// report checks one tree of testdata against its report.
func report(t *testing.T, file string) []arch.Violation {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fsys := make(fstest.MapFS)
	last := len(archive.Files) - 1
	for _, f := range archive.Files[:last] {
		fsys[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	tree, err := arch.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	found := arch.Check(tree, arch.Rules)
	var b strings.Builder
	for _, v := range found {
		b.WriteString(v.String() + "\n")
	}
	switch want := string(archive.Files[last].Data); {
	case *rewrite:
		archive.Files[last].Data = []byte(b.String())
		if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
	case b.String() != want:
		t.Errorf("%s: got\n%s\nwant\n%s", file, b.String(), want)
	}
	return found
}

func TestLinks(t *testing.T) {
	t.Parallel()
	for _, l := range arch.Links {
		t.Run(l.Package, func(t *testing.T) {
			t.Parallel()
			if _, err := os.Stat(filepath.Join(root, l.Package)); err != nil {
				t.Skip("not written yet")
			}
			for _, dep := range dependencies(t, l.Package) {
				if !l.Allows(dep) {
					t.Errorf("%s links %s\n\twhy not: %s", l.Package, dep, l.Why)
				}
			}
		})
	}
}

// dependencies are the packages that a binary links when it imports pkg, the standard library's excepted.
func dependencies(t *testing.T, pkg string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pkg)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.ContainsFunc(deps, func(d string) bool { return strings.HasSuffix(d, strings.TrimPrefix(pkg, ".")) }) {
		t.Fatalf("go list does not know %s", pkg)
	}
	return deps
}

func TestLinkAllows(t *testing.T) {
	t.Parallel()
	l := arch.Link{Allow: []string{"github.com/nats-io/nats.go/..."}}
	for path, want := range map[string]bool{
		"github.com/nats-io/nats.go":                  true,
		"github.com/nats-io/nats.go/jetstream":        true,
		"github.com/millrace-dev/millrace/protocol":   true,
		"github.com/nats-io/nats-server/v2/server":    false,
		"github.com/nats-io/nats.golang":              false,
		"github.com/stretchr/testify/assert":          false,
		"github.com/millrace-dev/millracer/something": false,
	} {
		if got := l.Allows(path); got != want {
			t.Errorf("Allows(%q) = %v, want %v", path, got, want)
		}
	}
}
