package warp_test

import (
	"bufio"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/warp"
)

// A program's clock and disk do what the dial says, while it runs and not longer.
func TestDial(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles a part of the standard library")
	}
	dir := t.TempDir()
	program, err := warp.Build(t.Context(), dir, "./testdata/diary")
	if err != nil {
		t.Fatal(err)
	}
	dial, err := warp.NewDial(filepath.Join(dir, "dial"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, filepath.Join(dir, "diary")) //nolint:noctx // ends with its input
	cmd.Env = append(cmd.Environ(), dial.Env())
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	answers := bufio.NewScanner(out)
	write := func() (ahead, took time.Duration, wrote string) {
		t.Helper()
		began := time.Now()
		if _, err := fmt.Fprintln(in); err != nil || !answers.Scan() {
			t.Fatalf("the program says nothing: %v, %v", err, answers.Err())
		}
		took = time.Since(began)
		var at int64
		if _, err := fmt.Sscan(answers.Text(), &at, &wrote); err != nil {
			t.Fatal(err)
		}
		return time.Unix(at, 0).Sub(began).Round(time.Minute), took, wrote
	}
	expect := func(what string, turned error, ahead time.Duration, wrote string) {
		t.Helper()
		if turned != nil {
			t.Fatal(turned)
		}
		if a, _, w := write(); a != ahead || w != wrote {
			t.Errorf("%s: the clock is ahead by %s, and writing says %q", what, a, w)
		}
	}
	expect("at rest", nil, 0, "ok")
	expect("ahead", dial.Clock(time.Hour), time.Hour, "ok")
	expect("behind", dial.Clock(-time.Hour), -time.Hour, "ok")
	expect("full", dial.Fill(), -time.Hour, "full")
	expect("at rest again", dial.Rest(), 0, "ok")
	if err := dial.Slow(time.Second); err != nil {
		t.Fatal(err)
	}
	var longest time.Duration
	for range 10 {
		_, took, _ := write()
		longest = max(longest, took)
	}
	if longest < 100*time.Millisecond { // the least of a thousand million chances
		t.Errorf("the longest of ten flushes on a slow disk took %s", longest)
	}
}
