package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// clientSize is what a program may have that links everything of the client, stripped. Three quarters of it are a NATS client with TLS,
// which is 6.1 MiB alone.
const clientSize = 8 << 20

// biggest is that program.
const biggest = "testdata/client"

// A service that starts workflows stays small.
func TestSizeOfAClient(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("links a program")
	}
	file := filepath.Join(t.TempDir(), "client")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file, "./"+biggest)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=") // the same everywhere
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.2f MiB of %d", float64(info.Size())/(1<<20), clientSize>>20)
	if info.Size() > clientSize {
		t.Errorf("a client is %d bytes, more than %d: what did it link? `go list -deps ./orchestrator/client`, `go tool nm -size -sort size`",
			info.Size(), clientSize)
	}
}

// The program that is measured leaves nothing out that a service may use.
func TestBiggestClientIsComplete(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(filepath.Join(biggest, "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(root + "/orchestrator/client/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no sources", err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.IsExported() && !regexp.MustCompile(use(f)).Match(source) {
				t.Errorf("%s does not use what matches %s", biggest, use(f))
			}
		}
	}
}

// use is how the program names a function or a method.
func use(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return `client\.` + f.Name.Name + `\b`
	}
	receiver := "?"
	ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && receiver == "?" {
			receiver = id.Name
		}
		return true
	})
	return `\(\*client\.` + receiver + `(\[\w+\])?\)\.` + f.Name.Name + `\b`
}
