package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/collect"
	"github.com/millrace-dev/millrace/protocol"
)

// blobCmd looks after the files of a namespace.
type blobCmd struct {
	List   blobListCmd    `cmd:"" name:"ls" help:"List the files in the object store, and how much refers to them."`
	Remove blobRemoveCmd  `cmd:"" name:"rm" help:"Remove a file that nothing refers to."`
	GC     blobCollectCmd `cmd:"" name:"gc" help:"Remove the files that nothing refers to, now."`
}

// open connects to the namespace's store.
func (a *app) open(ctx context.Context) (s *jetstream.Store, stop func(), err error) {
	nc, err := a.connect()
	if err != nil {
		return nil, nil, err
	}
	if s, err = jetstream.Open(ctx, nc, protocol.Namespace(a.Namespace)); err != nil {
		nc.Close()
		return nil, nil, err
	}
	return s, nc.Close, nil
}

// soFar shows how far something is that takes long, on a terminal only, in one line.
func (a *app) soFar(text string) {
	if !a.JSON && isTerminal(a.err) {
		fmt.Fprint(a.err, "\r\x1b[K", text)
	}
}

// blobRow is a file as it is listed.
type blobRow struct {
	Name       string    `json:"name"`
	Size       int64     `json:"size"`
	Stored     time.Time `json:"stored"`
	References int       `json:"references"`
}

// blobListCmd lists the files.
type blobListCmd struct {
	Sort string `help:"What to sort by: size, age, references or name." default:"size" enum:"size,age,references,name"`
}

// Run lists what there is, and counts what refers to it.
func (l *blobListCmd) Run(ctx context.Context, a *app) error {
	store, stop, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer stop()
	rows, err := a.blobRows(ctx, store)
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(x, y blobRow) int {
		order := map[string]int{
			"size": cmp.Compare(y.Size, x.Size), "age": x.Stored.Compare(y.Stored), "references": cmp.Compare(y.References, x.References),
		}[l.Sort]
		return cmp.Or(order, cmp.Compare(x.Name, y.Name))
	})
	if a.JSON {
		return printJSON(a.out, map[string][]blobRow{"blobs": rows})
	}
	return table(a.out, "NAME\tSIZE\tAGE\tREFERENCES", func(line func(string, ...any)) {
		for _, r := range rows {
			line("%s\t%d\t%s\t%d", r.Name, r.Size, ago(r.Stored), r.References)
		}
	})
}

func (a *app) blobRows(ctx context.Context, store *jetstream.Store) ([]blobRow, error) {
	rows, at := []blobRow{}, map[string]int{}
	for b, err := range store.Blobs(ctx) {
		if err != nil {
			return nil, err
		}
		if i, again := at[b.Name]; again { // it was touched meanwhile
			rows[i].Stored = b.Stored
			continue
		}
		at[b.Name] = len(rows)
		rows = append(rows, blobRow{Name: b.Name, Size: b.Size, Stored: b.Stored})
	}
	defer a.soFar("")
	return rows, a.references(ctx, store, func(r protocol.Reference) {
		if i, ok := at[r.Name]; ok {
			rows[i].References++
		}
	})
}

// references reads everything that refers to a file.
func (a *app) references(ctx context.Context, store *jetstream.Store, f func(protocol.Reference)) error {
	n := 0
	for _, place := range protocol.Places() {
		for r, err := range store.References(ctx, place) {
			if err != nil {
				return err
			}
			if n++; n%1000 == 0 {
				a.soFar(fmt.Sprintf("%d references, reading the %s", n, place))
			}
			f(r)
		}
	}
	return nil
}

// blobRemoveCmd removes one file.
type blobRemoveCmd struct {
	Name  string `arg:"" help:"Name of the file."`
	Force bool   `help:"Remove it although something refers to it."`
}

// mentioned is how many references an error mentions.
const mentioned = 5

// Run looks for what refers to the file, and removes it if nothing does.
func (r *blobRemoveCmd) Run(ctx context.Context, a *app) error {
	store, stop, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer stop()
	b, err := store.BlobInfo(ctx, r.Name)
	if err != nil {
		return err
	}
	var by []string
	n := 0
	err = a.references(ctx, store, func(ref protocol.Reference) {
		if ref.Name != r.Name {
			return
		}
		n++
		if where := ref.String(); len(by) < mentioned && !slices.Contains(by, where) {
			by = append(by, where)
		}
	})
	a.soFar("")
	switch {
	case err != nil:
		return err
	case n > 0 && !r.Force:
		return protocol.Errorf(protocol.CodeConflict, "%d messages refer to %s: %s", n, r.Name, strings.Join(by, "; ")).
			WithHint("`millrace delete ID` removes a workflow that has ended; --force removes the file, and whoever needs it fails")
	}
	if err := store.DeleteBlob(ctx, b); err != nil {
		return err
	}
	if a.JSON {
		return printJSON(a.out, map[string]any{"name": r.Name, "size": b.Size, "references": n})
	}
	_, err = fmt.Fprintf(a.out, "removed %s, %d bytes\n", r.Name, b.Size)
	return err
}

// blobCollectCmd does what a node does once an hour.
type blobCollectCmd struct {
	DryRun bool          `help:"Only say what would be removed."`
	Grace  time.Duration `help:"Leave alone what was stored, or found to be stored, since." default:"24h"`
	Force  bool          `help:"Allow a grace period that is too short for what is on its way to a workflow."`
}

// collected is what a collection says of itself.
type collected struct {
	orchestrator.Collected

	DryRun bool     `json:"dry_run"`
	Blobs  []string `json:"blobs"`
}

// Run removes what nothing refers to. What was removed when it is interrupted stays removed, and nothing else is touched.
func (g *blobCollectCmd) Run(ctx context.Context, a *app) error {
	if g.Grace < collect.MinGrace && !g.Force && !g.DryRun {
		return protocol.Errorf(protocol.CodeBadRequest, "within %s a file may be on its way to a workflow", g.Grace).
			WithHint("--grace %s at least, or --force when nothing else runs", collect.MinGrace)
	}
	store, stop, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer stop()
	found := collected{DryRun: g.DryRun, Blobs: []string{}}
	found.Collected, err = orchestrator.Collector{
		Blobs: store, Grace: max(g.Grace, 1), DryRun: g.DryRun,
		Deleted: func(b protocol.BlobInfo) { found.Blobs = append(found.Blobs, b.Name) },
		Progress: func(c orchestrator.Collected) {
			a.soFar(fmt.Sprintf("%d files, %d references, %d removed", c.Listed, c.References, c.Deleted))
		},
	}.Run(ctx)
	a.soFar("")
	if err != nil && found.Deleted == 0 {
		return err
	}
	if a.JSON {
		return cmp.Or(err, printJSON(a.out, found))
	}
	did := "removed"
	if g.DryRun {
		did = "would remove"
		for _, name := range found.Blobs {
			fmt.Fprintln(a.out, name)
		}
	}
	fmt.Fprintf(a.out, "%s %d of %d files, %d bytes, and what was left of %d uploads\n",
		did, found.Deleted, found.Listed, found.Bytes, found.Uploads)
	return err
}
