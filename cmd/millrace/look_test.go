package main

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// What the start and the code said of a run is shown, and how long it took.
func TestDescribe(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	began := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	err := (&app{cli: &cli{}, std: std{out: &out}}).describe(protocol.Description{
		Row: protocol.Row{
			ID: "order-42", Run: "run-1", Type: "shop.Order", Queue: "orders", Status: protocol.StatusCompleted,
			Started: began, Closed: began.Add(1500 * time.Millisecond), HistoryLength: 11,
			Memo:             map[string]protocol.Payload{"customer": {Data: []byte(`"Ada"`)}},
			SearchAttributes: protocol.SearchAttributes(protocol.NewSearchKey[string]("region").Is("north")),
		},
		Outcome: &protocol.Outcome{Result: protocol.Payload{Data: []byte(`"sent"`)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`workflow  order-42`, `status    Completed`, `events    11`, `memo      customer "Ada"`, `search    region "north"`,
		`took      1.5s`, `result    "sent"`,
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("there is no line %q in\n%s", line, out.String())
		}
	}
}
