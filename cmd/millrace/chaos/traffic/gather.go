package traffic

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic/verdict"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/protocol"
)

// readers is how many histories are read at once.
const readers = 4

// gather waits until nothing is left to do, and collects what is known.
func (g *gatherer) gather(ctx context.Context) (*verdict.Evidence, error) {
	left, err := g.idle(ctx)
	if err != nil {
		return nil, err
	}
	e := &verdict.Evidence{Calls: g.report.Calls, Left: left, Patience: thought}
	if e.Notes, err = Ledger(g.report.LedgerDir); err != nil {
		return nil, err
	}
	if e.Records, err = g.histories(ctx); err != nil {
		return nil, err
	}
	if e.Rows, err = g.rows(ctx); err != nil {
		return nil, err
	}
	if e.Files, e.Doomed, err = g.files(ctx); err == nil {
		g.readNamed(ctx, e)
	}
	return e, err
}

// idle waits until nothing is left to do, several times in a row: what goes from hand to hand lies nowhere. It returns what is left when it
// gave up.
func (g *gatherer) idle(ctx context.Context) (left []verdict.Left, err error) {
	quiet := 0
	for began := time.Now(); quiet < 3 && time.Since(began) < calm; {
		var rows map[string]protocol.Row
		if left, err = g.left(ctx); err == nil {
			rows, err = g.rows(ctx)
		}
		switch {
		case err != nil && !repeatable(err):
			return nil, err
		case err != nil, len(left) > 0, running(rows):
			quiet = 0
		default:
			quiet++
		}
		if err := pause(ctx, look); err != nil {
			return nil, err
		}
	}
	return left, err
}

func running(rows map[string]protocol.Row) bool {
	for _, r := range rows {
		if !r.Status.Closed() {
			return true
		}
	}
	return false
}

// ours reports whether a workflow is one of the load's.
func (g *gatherer) ours(workflow string) bool {
	return strings.HasPrefix(workflow, g.report.Prefix+"-")
}

// rows are those of the load's runs.
func (g *gatherer) rows(ctx context.Context) (map[string]protocol.Row, error) {
	rows := map[string]protocol.Row{}
	for row, err := range g.store.Rows(ctx) {
		if err != nil {
			return nil, err
		}
		if g.ours(row.ID) {
			rows[row.Run] = row
		}
	}
	return rows, nil
}

// histories reads the records of every workflow of the load.
func (g *gatherer) histories(ctx context.Context) (map[string][]protocol.Entry, error) {
	var mu sync.Mutex
	all := map[string][]protocol.Entry{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for shard := range g.report.Shards {
		counts, err := g.subjects(ctx, g.ns().HistoryStream(shard), g.ns().Histories(shard))
		if err != nil {
			return nil, err
		}
		for subject, count := range counts {
			workflow, err := g.ns().ParseHistory(subject)
			if err != nil || !g.ours(workflow) {
				continue
			}
			group.Go(func() error {
				entries, err := g.history(ctx, shard, workflow, count)
				mu.Lock()
				defer mu.Unlock()
				all[workflow] = entries
				return err
			})
		}
	}
	return all, group.Wait()
}

// history reads the records of a workflow, of which the stream's leader has so many. The copy that is read may lag.
func (g *gatherer) history(ctx context.Context, shard int, workflow string, count uint64) (entries []protocol.Entry, err error) {
	for began := time.Now(); ; {
		entries = nil
		for e, err := range g.store.Range(ctx, shard, workflow, 1, math.MaxUint64) {
			if err != nil {
				return nil, err
			}
			entries = append(entries, e)
		}
		if uint64(len(entries)) == count || time.Since(began) > calm {
			return entries, nil
		}
		if err := pause(ctx, look); err != nil {
			return nil, err
		}
	}
}

// files are the objects of the object store that can be read to their end, and those that the collector would delete if it could wait no
// longer. What was there before the load is not looked at.
func (g *gatherer) files(ctx context.Context) (files, doomed map[string]bool, err error) {
	files, doomed = map[string]bool{}, map[string]bool{}
	for b, err := range g.store.Blobs(ctx) {
		if err != nil {
			return nil, nil, err
		}
		if g.young(b) {
			files[b.Name] = g.readable(ctx, b)
		}
	}
	_, err = orchestrator.Collector{
		Blobs: g.store, Grace: 1, DryRun: true,
		Deleted: func(b protocol.BlobInfo) { doomed[b.Name] = g.young(b) },
	}.Run(ctx)
	maps.DeleteFunc(doomed, func(_ string, young bool) bool { return !young })
	return files, doomed, err
}

// readNamed reads the files that records name and that were not found so far, as their owners would: a copy of the object store that has
// lost something does not list it, and others have it.
func (g *gatherer) readNamed(ctx context.Context, e *verdict.Evidence) {
	for _, entries := range e.Records {
		for _, entry := range entries {
			data, err := protocol.Unpack(entry.Data)
			if err != nil || !slices.ContainsFunc(protocol.BlobNames(data), func(name string) bool { return !e.Files[name] }) {
				continue // what cannot be read, the judge tells
			}
			for _, b := range handles(data) {
				if !e.Files[b.Name] {
					e.Files[b.Name] = g.read(ctx, b)
				}
			}
		}
	}
}

// handles are the references to files in a record.
func handles(record []byte) (found []protocol.Blob) {
	var value any
	if json.Unmarshal(record, &value) != nil {
		return nil // as above
	}
	walk(value, func(object map[string]any) {
		var b protocol.Blob
		if text, err := json.Marshal(object); err == nil && json.Unmarshal(text, &b) == nil && len(protocol.BlobNames([]byte(b.Name))) > 0 {
			found = append(found, b)
		}
	})
	return found
}

// walk calls f for every object in a JSON value.
func walk(value any, f func(map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		f(v)
		for _, member := range v {
			walk(member, f)
		}
	case []any:
		for _, member := range v {
			walk(member, f)
		}
	}
}

func (g *gatherer) young(b protocol.BlobInfo) bool {
	return b.Stored.After(g.report.Began.Add(-time.Minute))
}

// readable reads an object to its end, where its digest is compared.
func (g *gatherer) readable(ctx context.Context, b protocol.BlobInfo) bool {
	return g.read(ctx, protocol.Blob{Name: b.Name, Size: b.Size, SHA256: strings.TrimPrefix(b.Name, "sha256-")})
}

func (g *gatherer) read(ctx context.Context, b protocol.Blob) bool {
	r, err := g.store.GetBlob(ctx, b)
	if err != nil {
		return false
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err == nil
}
