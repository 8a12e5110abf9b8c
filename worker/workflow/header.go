package workflow

import "maps"

// Header is a short text that whoever started the workflow attached to it, or, in the handler of an update, whoever asked for that, or,
// with the context of [ReceiveWith], whoever sent the signal; empty when there is none of that name. Headers travel on by
// themselves to activities, children and the runs that follow.
func Header(ctx Context, name string) string { return ctx.outgoing()[name] }

// WithHeader returns a context whose activities and children get the header as well, in place of one of the same name. An empty value
// takes it away.
func WithHeader(ctx Context, name, value string) Context {
	headers := maps.Clone(ctx.outgoing())
	switch {
	case value == "":
		delete(headers, name)
	case headers == nil:
		headers = map[string]string{name: value}
	default:
		headers[name] = value
	}
	ctx.headers = &headers
	return ctx
}

// outgoing are the headers that activities and children get. They must not be changed.
func (ctx Context) outgoing() map[string]string {
	if ctx.headers != nil {
		return *ctx.headers
	}
	return ctx.env().Headers()
}

// withHeaders adds the headers of an update.
func (ctx Context) withHeaders(headers map[string]string) Context {
	if len(headers) == 0 {
		return ctx
	}
	merged := maps.Clone(headers)
	for name, v := range ctx.outgoing() {
		if _, ok := merged[name]; !ok {
			merged[name] = v
		}
	}
	ctx.headers = &merged
	return ctx
}
