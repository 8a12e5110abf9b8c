package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/activity"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var (
	paper  = workflow.NewSignal[protocol.Blob]("paper")
	unfold = workflow.NewSignal[bool]("unfold")
)

// Unfold reads a file.
func Unfold(ctx context.Context, file protocol.Blob) (string, error) {
	r, err := activity.OpenBlob(ctx, file)
	if err != nil {
		return "", activity.Terminal(err)
	}
	text, err := io.ReadAll(r)
	return string(text), err
}

// Letter is a file, and how many runs hand it on before it is read.
type Letter struct {
	File  protocol.Blob
	Hands int
}

// Hand hands a file on from run to run. The last one reads it, and another that came by a signal, once it is told to.
func Hand(ctx workflow.Context, l Letter) (string, error) {
	if l.Hands > 0 {
		if _, err := workflow.Receive(ctx, word); err != nil { // the other file comes before it, and is not received here
			return "", err
		}
		return "", workflow.ContinueAsNew(ctx, Hand, Letter{l.File, l.Hands - 1})
	}
	other, err := workflow.Receive(ctx, paper)
	if err != nil {
		return "", err
	}
	if _, err := workflow.Receive(ctx, unfold); err != nil {
		return "", err
	}
	first, err := workflow.Do(ctx, Unfold, l.File)
	if err != nil {
		return "", err
	}
	second, err := workflow.Do(ctx, Unfold, other)
	return first + second, err
}

// Open reads a file once it is told to.
func Open(ctx workflow.Context, file protocol.Blob) (string, error) {
	if _, err := workflow.Receive(ctx, unfold); err != nil {
		return "", err
	}
	return workflow.Do(ctx, Unfold, file)
}

// Entrust leaves a file to a child that outlives it.
func Entrust(ctx workflow.Context, file protocol.Blob) (string, error) {
	child := workflow.StartChild(ctx, Open, file, workflow.ChildID("heir"), workflow.ParentClose(workflow.ParentCloseAbandon))
	_, err := child.Started(ctx)
	return "", err
}

// archive is an engine with files.
type archive struct {
	*rig.Engine

	t     *testing.T
	store *jetstream.Store
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	e := rig.Start(t, func(o *orchestrator.Options) { o.Shards = 2 })
	e.Work(t, worker.Workflow(Hand), worker.Workflow(Open), worker.Workflow(Entrust), worker.Workflow(Parrot), worker.Activity(Unfold))
	store, err := jetstream.Open(t.Context(), e.Conn(), protocol.DefaultNamespace)
	if err != nil {
		t.Fatal(err)
	}
	return &archive{Engine: e, t: t, store: store}
}

func (a *archive) put(text string) protocol.Blob {
	a.t.Helper()
	b, err := a.Client().PutBlob(a.t.Context(), strings.NewReader(text))
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

// collect deletes what nothing refers to, however young, and returns what is left.
func (a *archive) collect() (names []string) {
	a.t.Helper()
	if _, err := (orchestrator.Collector{Blobs: a.store, Grace: 1}).Run(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
	return a.names()
}

func (a *archive) names() (names []string) {
	a.t.Helper()
	for b, err := range a.store.Blobs(a.t.Context()) {
		if err != nil {
			a.t.Fatal(err)
		}
		names = append(names, b.Name)
	}
	return names
}

func (a *archive) keeps(files ...protocol.Blob) {
	a.t.Helper()
	var want []string
	for _, f := range files {
		want = append(want, f.Name)
	}
	got := a.collect()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		a.t.Errorf("the files %v are left, want %v", got, want)
	}
}

// delete deletes a workflow, or runs of it, as soon as that is possible.
func (a *archive) delete(id, run string) {
	a.t.Helper()
	var err error
	rig.Until(a.t, "the deletion of "+id, func() bool {
		err = a.Client().Delete(a.t.Context(), id, client.InRun(run))
		return !errors.Is(err, protocol.ErrUnavailable)
	})
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *archive) tell(id string) {
	a.t.Helper()
	if err := client.Signal(a.t.Context(), a.Client(), id, unfold, true); err != nil {
		a.t.Fatal(err)
	}
}

// A run that follows others has what they had, and what they were told, when they are gone.
func TestFilesOfRunsThatFollow(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	input, signal := a.put("the input, "), a.put("the signal")
	a.put("nobody's")
	run := rig.Run(t, a.Engine, Hand, Letter{input, 2}, client.ID("it"))
	if err := client.Signal(t.Context(), a.Client(), "it", paper, signal); err != nil {
		t.Fatal(err)
	}
	before := run.RunID()
	for range 2 {
		if err := client.Signal(t.Context(), a.Client(), "it", word, "on"); err != nil {
			t.Fatal(err)
		}
		var now string
		rig.Until(t, "the next run", func() bool {
			d, err := a.Client().Describe(t.Context(), "it")
			now = d.Run
			return err == nil && now != before
		})
		a.delete("it", before)
		before = now
		a.keeps(input, signal)
	}
	a.tell("it")
	if got, err := client.Get[string](a.Client(), "it", "").Wait(t.Context()); err != nil || got != "the input, the signal" {
		t.Errorf("the last run returns %q, %v", got, err)
	}
	a.keeps(input, signal)
	a.delete("it", "")
	a.keeps()
}

// A copy has what the run had that it is a copy of.
func TestFilesOfAReset(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	file := a.put("a file")
	run := rig.Run(t, a.Engine, Open, file, client.ID("it"))
	a.tell("it")
	rig.Result(t, run)
	copied, err := a.Client().Reset(t.Context(), "it", 4, client.DropSignals())
	if err != nil {
		t.Fatal(err)
	}
	a.delete("it", run.RunID())
	a.keeps(file)
	a.tell("it")
	if got, err := client.Get[string](a.Client(), "it", copied).Wait(t.Context()); err != nil || got != "a file" {
		t.Errorf("the copy returns %q, %v", got, err)
	}
	a.delete("it", "")
	a.keeps()
}

// A child has what its parent gave it when the parent is gone.
func TestFilesOfAChild(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	file := a.put("a file")
	parent := rig.Run(t, a.Engine, Entrust, file, client.ID("it"))
	rig.Result(t, parent)
	a.delete("it", "")
	a.keeps(file)
	a.tell("heir")
	if got, err := client.Get[string](a.Client(), "heir", "").Wait(t.Context()); err != nil || got != "a file" {
		t.Errorf("the child returns %q, %v", got, err)
	}
	a.delete("heir", "")
	a.keeps()
}

// failing is an object store that lets a collector do so many things, and then no more.
type failing struct {
	*jetstream.Store

	left *atomic.Int32
}

var errDead = errors.New("the collector is dead")

func (f failing) dead() bool { return f.left.Add(-1) < 0 }

func (f failing) DeleteBlob(ctx context.Context, b protocol.BlobInfo) error {
	if f.dead() {
		return errDead
	}
	return f.Store.DeleteBlob(ctx, b)
}

func (f failing) DeadUploads(ctx context.Context, _ time.Duration) ([]protocol.DeadUpload, error) {
	if f.dead() {
		return nil, errDead
	}
	return f.Store.DeadUploads(ctx, 0)
}

func (f failing) DeleteUpload(ctx context.Context, u protocol.DeadUpload) error {
	if f.dead() {
		return errDead
	}
	return f.Store.DeleteUpload(ctx, u)
}

// Collectors that die after anything that they do, and uploads that do: what is needed stays, and the last collector leaves nothing else.
func TestCollectorsThatDie(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	kept := a.put("kept")
	run := rig.Run(t, a.Engine, Open, kept, client.ID("it"))
	for i := range 6 {
		a.put(fmt.Sprintf("waste %d", i))
	}
	for i := range 2 {
		_, err := a.Conn().Request("$O."+protocol.DefaultNamespace.BlobStore()+".C.dead"+strconv.Itoa(i), []byte("half"), 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
	}
	for n := int32(0); ; n++ {
		left := &atomic.Int32{}
		left.Store(n)
		_, err := orchestrator.Collector{Blobs: failing{a.store, left}, Grace: 1}.Run(t.Context())
		if err == nil {
			break
		}
		if !errors.Is(err, errDead) {
			t.Fatal(err)
		}
	}
	a.keeps(kept)
	if dead, err := a.store.DeadUploads(t.Context(), 0); err != nil || len(dead) != 0 {
		t.Errorf("of uploads there is left %v, %v", dead, err)
	}
	a.tell("it")
	if got := rig.Result(t, run); got != "kept" {
		t.Errorf("the run returns %q", got)
	}
}
