package jetstream

import "github.com/nats-io/nats.go"

// trace copies the W3C trace context of a user's headers to a message, where tools of NATS look for it.
func trace(m nats.Header, headers map[string]string) {
	for _, name := range []string{"traceparent", "tracestate"} {
		if v, ok := headers[name]; ok {
			m[name] = []string{v}
		}
	}
}
