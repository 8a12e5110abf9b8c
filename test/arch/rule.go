package arch

import (
	"go/ast"
	"slices"
)

// Rule is one sentence of the architecture.
type Rule struct {
	// In and But are patterns of packages: the rule covers those in In that are not in But.
	In, But []string
	// Only, when set, names the one file of each package that may break the rule.
	Only string
	// Deny are imports that no file may have; Allow, when set, are the only ones that it may have.
	Deny, Allow []string
	// Why is the reason, printed with every violation.
	Why string

	check func(*Rule, *Package) []Violation
}

func (r *Rule) covers(p *Package) bool { return matchesAny(r.In, p.Path) && !matchesAny(r.But, p.Path) }

// files are the files that the rule looks at: tests may import what they like.
func (r *Rule) files(p *Package) []*File {
	return slices.DeleteFunc(slices.Clone(p.Files), func(f *File) bool { return f.Test || f.Name == r.Only })
}

// imports checks Deny and Allow.
func imports(r *Rule, p *Package) (found []Violation) {
	for _, f := range r.files(p) {
		for _, i := range f.Imports {
			if matchesAny(r.Deny, i.Path) || r.Allow != nil && !matchesAny(r.Allow, i.Path) {
				found = append(found, f.violation(i.Line, r, "%s imports %s", p.Path, i.Path))
			}
		}
	}
	return found
}

// pure checks what imports alone do not tell: goroutines, channels, and the clock, which shares its package with the
// harmless time.Duration.
func pure(r *Rule, p *Package) (found []Violation) {
	for _, f := range r.files(p) {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if what := impure(f, n); what != "" {
				found = append(found, f.violation(f.line(n), r, "%s %s", p.Path, what))
			}
			return true
		})
	}
	return found
}

func impure(f *File, n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "starts a goroutine"
	case *ast.ChanType:
		return "uses a channel"
	case *ast.SelectStmt:
		return "selects"
	case *ast.ImportSpec:
		if n.Name != nil && n.Name.Name == "." {
			return "imports names with a dot, which hides where they come from"
		}
	case *ast.SelectorExpr:
		if x, ok := n.X.(*ast.Ident); ok && x.Obj == nil && f.knows(x.Name, "time") && slices.Contains(clock, n.Sel.Name) {
			return "uses time." + n.Sel.Name
		}
	}
	return ""
}

// knows reports whether the file has imported path under the name.
func (f *File) knows(name, path string) bool {
	return slices.ContainsFunc(f.Imports, func(i Import) bool { return i.Name == name && i.Path == path })
}

// anyFile reports every Go file, tests too.
func anyFile(r *Rule, p *Package) (found []Violation) {
	for _, f := range p.Files {
		found = append(found, f.violation(1, r, "a Go file in %s", p.Path))
	}
	return found
}

// undocumented reports a package of which no file has a doc comment.
func undocumented(r *Rule, p *Package) []Violation {
	documented := slices.ContainsFunc(p.Files, func(f *File) bool { return f.AST.Doc.Text() != "" })
	if documented {
		return nil
	}
	return []Violation{p.Files[0].violation(1, r, "%s has no doc comment", p.Path)}
}
