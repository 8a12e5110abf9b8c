package propagation_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/millrace-dev/millrace/protocol/propagation"
)

func TestKeysPassOnWhatTheyName(t *testing.T) {
	t.Parallel()
	p := propagation.TraceContext()
	ctx := propagation.WithHeaders(t.Context(), map[string]string{"traceparent": "00-1", "secret": "x"})
	sent := map[string]string{"tenant": "a"}
	p.Inject(ctx, sent)
	if d := cmp.Diff(map[string]string{"tenant": "a", "traceparent": "00-1"}, sent); d != "" {
		t.Errorf("sent, -want +got:\n%s", d)
	}
	arrived := p.Extract(context.Background(), sent)
	if d := cmp.Diff(map[string]string{"traceparent": "00-1"}, propagation.Headers(arrived)); d != "" {
		t.Errorf("arrived, -want +got:\n%s", d)
	}
	if ctx := context.Background(); p.Extract(ctx, map[string]string{"tenant": "a"}) != ctx {
		t.Error("there was nothing to extract, and the context is another one")
	}
}

func TestHeadersAddUp(t *testing.T) {
	t.Parallel()
	outer := propagation.WithHeaders(t.Context(), map[string]string{"a": "1", "b": "1"})
	inner := propagation.WithHeaders(outer, map[string]string{"b": "2"})
	if d := cmp.Diff(map[string]string{"a": "1", "b": "2"}, propagation.Headers(inner)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if propagation.Headers(outer)["b"] != "1" {
		t.Error("the outer context was changed")
	}
}
