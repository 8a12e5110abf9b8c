package warp

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Command is the package whose program takes part in fleets.
const Command = "github.com/millrace-dev/millrace/cmd/millrace"

//go:embed time.go.txt
var timeSource []byte

//go:embed os.go.txt
var osSource []byte

// change is one of a file of the standard library: the text of it that is replaced, wherever it is.
type change struct{ file, old, with string }

// refusing is what comes before a write.
const refusing = "\tif err = f.dialed(20); err != nil {\n\t\treturn 0, err\n\t}\n"

var changes = []change{
	{"time/time.go", "sec, nsec, mono := runtimeNow()\n", "sec, nsec, mono := runtimeNow()\n\tsec += Dialed(0)\n"},
	{"os/file_posix.go", "\tn, err = f.pfd.Write(", refusing + "\tn, err = f.pfd.Write("},
	{"os/file_posix.go", "\tn, err = f.pfd.Pwrite(", refusing + "\tn, err = f.pfd.Pwrite("},
	{
		"os/file_posix.go", "\tif e := f.pfd.Fsync(); ",
		"\tif e := f.dialed(1); e != nil {\n\t\treturn f.wrapErr(\"sync\", e)\n\t}\n\tif e := f.pfd.Fsync(); ",
	},
}

// Build compiles a program into a directory and returns where it is. That takes a minute the first time; the Go tool remembers what it did.
func Build(ctx context.Context, dir, pkg string) (program string, err error) {
	if runtime.GOOS == "windows" {
		return "", errors.New("a clock and a disk that obey need a Unix")
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("a clock and a disk that obey need a Go tool, which compiles them: %w", err)
	}
	overlay, err := write(dir, filepath.Join(strings.TrimSpace(string(root)), "src"))
	if err != nil {
		return "", err
	}
	program = filepath.Join(dir, "millrace-warped")
	build := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", program, pkg) //nolint:gosec // of this module
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("a clock and a disk that obey need the sources of Millrace: run it there (%s)", bytes.TrimSpace(out))
	}
	return program, nil
}

// write writes the changed files, and the overlay that says whose place they take.
func write(dir, src string) (overlay string, err error) {
	contents := map[string][]byte{"time/warp.go": timeSource, "os/warp.go": osSource}
	for _, c := range changes {
		if contents[c.file] == nil {
			if contents[c.file], err = os.ReadFile(filepath.Join(src, c.file)); err != nil { //nolint:gosec // of the Go tool
				return "", err
			}
		}
		if !bytes.Contains(contents[c.file], []byte(c.old)) {
			return "", fmt.Errorf("%s of this Go is not what it was", c.file)
		}
		contents[c.file] = bytes.ReplaceAll(contents[c.file], []byte(c.old), []byte(c.with))
	}
	replace := map[string]string{}
	for name, text := range contents {
		path := filepath.Join(dir, strings.ReplaceAll(name, "/", "-"))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(src, name)] = path
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, data, 0o600)
}
