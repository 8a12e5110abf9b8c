package main

import (
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/cmd/examples/stage"
	"github.com/millrace-dev/millrace/test/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

func TestPlay(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := stage.Run(t.Context(), &out, play, options()...); err != nil {
		t.Fatal(err)
	}
	const want = `reminded of invoice-1
reminded of invoice-2
invoice-1 was done before
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
