package main

import (
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/test/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

func TestAlone(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := alone(t.Context(), &out, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if out.String() != "Hello Ada\n" {
		t.Errorf("got %q", out.String())
	}
}
