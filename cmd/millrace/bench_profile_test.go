package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestProfileOfEachProcess(t *testing.T) {
	t.Parallel()
	command := profiled("cpu.out")
	for _, part := range []struct{ role, file string }{
		{"server", "cpu.out.server"}, {"node", "cpu.out.node"}, {"server", "cpu.out.server-2"}, {"server", "cpu.out.server-3"},
	} {
		args := command(t.Context(), part.role, "more").Args[1:]
		if want := []string{"bench-role", "--cpuprofile", part.file, part.role, "more"}; !slices.Equal(args, want) {
			t.Errorf("a %s is run with %q, want %q", part.role, args, want)
		}
	}
}

func TestProfile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cpu.out")
	stop, err := profile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if gzip := []byte{0x1f, 0x8b}; !bytes.HasPrefix(data, gzip) {
		t.Errorf("a profile begins with %q", data[:min(len(data), 8)])
	}
	if stop, err = profile(""); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
