package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Tree is every Go package of a module, parsed but not type-checked: the test must work on code that does not build yet.
type Tree []*Package

// Package is the Go files of one folder.
type Package struct {
	Path  string // "./worker/replay", or "." for the root
	Files []*File
}

// File is one parsed Go file.
type File struct {
	Name    string // base name
	Test    bool
	Imports []Import
	AST     *ast.File

	dir  string
	fset *token.FileSet
}

// Import is one import of a file. A package of this module is written relative to it.
type Import struct {
	Path string
	Name string // under which the file knows it
	Line int
}

// Load parses every Go file below the root of fsys, except testdata and folders whose name begins with a dot.
func Load(fsys fs.FS) (Tree, error) {
	var tree Tree
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch base := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (base == "testdata" || strings.HasPrefix(base, ".")):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(base, ".go"):
			return nil
		}
		f, err := parse(fsys, name)
		if err != nil {
			return err
		}
		tree = tree.add(f)
		return nil
	})
	return tree, err
}

func (t Tree) add(f *File) Tree {
	at := "./" + f.dir
	if f.dir == "." {
		at = "."
	}
	for _, p := range t {
		if p.Path == at {
			p.Files = append(p.Files, f)
			return t
		}
	}
	return append(t, &Package{Path: at, Files: []*File{f}})
}

func parse(fsys fs.FS, name string) (*File, error) {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	f := &File{Name: path.Base(name), Test: strings.HasSuffix(name, "_test.go"), dir: path.Dir(name), fset: token.NewFileSet()}
	if f.AST, err = parser.ParseFile(f.fset, name, src, parser.ParseComments); err != nil {
		return nil, err
	}
	for _, spec := range f.AST.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		i := Import{Path: relative(p), Name: path.Base(p), Line: f.line(spec)}
		if i.Path == "math/rand/v2" {
			i.Name = "rand"
		}
		if spec.Name != nil {
			i.Name = spec.Name.Name
		}
		f.Imports = append(f.Imports, i)
	}
	return f, nil
}

func (f *File) line(n ast.Node) int { return f.fset.Position(n.Pos()).Line }

func (f *File) violation(line int, r *Rule, format string, args ...any) Violation {
	return Violation{File: path.Join(f.dir, f.Name), Line: line, What: fmt.Sprintf(format, args...), Rule: r}
}
