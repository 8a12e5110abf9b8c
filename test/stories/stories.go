// Package stories runs tests that are written as stories. A story is a file in testdata: an archive of prose and scripts. In a
// script, a line that begins with > is a thing that happens, the indented lines below it are what comes of it, and everything
// else is prose.
package stories

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Run plays testdata/*.txt. play puts what happens now into the archive; it must be what the file says. With rewrite, the file is
// rewritten instead: review the difference.
func Run(t *testing.T, rewrite bool, play func(t *testing.T, archive *txtar.Archive)) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			if err := run(file, rewrite, func(a *txtar.Archive) { play(t, a) }); err != nil {
				t.Error(err)
			}
		})
	}
}

func run(file string, rewrite bool, play func(*txtar.Archive)) error {
	want, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	archive := txtar.Parse(want)
	play(archive)
	got := txtar.Format(archive)
	if rewrite {
		return os.WriteFile(file, got, 0o600)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s tells another story now; -rewrite and look at the difference\ngot:\n%s", file, got)
	}
	return nil
}

// Play lets happen play each thing that happens in a script. What comes of it is to be written to out, which gets the other
// lines as well.
func Play(script []byte, out *bytes.Buffer, happen func(what string)) {
	for line := range strings.SplitSeq(strings.TrimRight(string(script), "\n"), "\n") {
		what, happens := strings.CutPrefix(line, "> ")
		if strings.HasPrefix(line, "\t") {
			continue // what came of it last time
		}
		fmt.Fprintln(out, line)
		if happens {
			happen(what)
		}
	}
}
