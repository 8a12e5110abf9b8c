// Package propagation carries values of a Go context from a client through workflows to their activities, as headers: a trace, a tenant,
// who asked. A header is a short text that travels with a start or an update in plain text; it lies in history, once for each activity.
package propagation

import (
	"context"
	"maps"
)

// Propagator writes values of a context into headers, and reads them back. Either function may be nil; both must be safe for concurrent
// use. OpenTelemetry's are propagators in two lines, so that this module need not link it:
//
//	otel := propagation.Propagator{
//		Inject: func(ctx context.Context, h map[string]string) { p.Inject(ctx, otelpropagation.MapCarrier(h)) },
//		Extract: func(ctx context.Context, h map[string]string) context.Context {
//			return p.Extract(ctx, otelpropagation.MapCarrier(h))
//		},
//	}
type Propagator struct {
	// Inject adds what is to travel to the headers of a call.
	Inject func(ctx context.Context, headers map[string]string)
	// Extract returns a context with what has travelled. It must not change the headers.
	Extract func(ctx context.Context, headers map[string]string) context.Context
}

// Headers of the W3C trace context and of its baggage.
const (
	TraceParent = "traceparent"
	TraceState  = "tracestate"
	Baggage     = "baggage"
)

type headersKey struct{}

// WithHeaders returns a context that carries headers, for [Keys] to pass on. Those that ctx carried before stay, unless they are named
// again.
func WithHeaders(ctx context.Context, headers map[string]string) context.Context {
	merged := maps.Clone(Headers(ctx))
	if merged == nil {
		merged = make(map[string]string, len(headers))
	}
	maps.Copy(merged, headers)
	return context.WithValue(ctx, headersKey{}, merged)
}

// Headers are the headers that ctx carries. They must not be changed.
func Headers(ctx context.Context) map[string]string {
	h, _ := ctx.Value(headersKey{}).(map[string]string)
	return h
}

// Keys passes on the headers of these names that [WithHeaders] has put into a context. What arrives is put into the context of the
// activity, so that [Headers] finds it, and the next client that the activity calls passes it on again.
func Keys(names ...string) Propagator {
	pick := func(from, into map[string]string) {
		for _, name := range names {
			if v, ok := from[name]; ok {
				into[name] = v
			}
		}
	}
	return Propagator{
		Inject: func(ctx context.Context, headers map[string]string) { pick(Headers(ctx), headers) },
		Extract: func(ctx context.Context, headers map[string]string) context.Context {
			found := make(map[string]string, len(names))
			if pick(headers, found); len(found) == 0 {
				return ctx
			}
			return WithHeaders(ctx, found)
		},
	}
}

// TraceContext passes on the headers of the W3C trace context and its baggage, as texts.
func TraceContext() Propagator { return Keys(TraceParent, TraceState, Baggage) }
