package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/natscontext"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// connect connects to NATS as the flags, the environment or a saved context say, in the manner of the nats CLI: without any of
// them, it is the context that is selected there, or a server on this machine.
func (a *app) connect(opts ...nats.Option) (*nats.Conn, error) {
	opts = append([]nats.Option{nats.Name("millrace " + Version()), nats.Timeout(a.Timeout), jetstream.Gather()}, opts...)
	who, err := a.options()
	if err != nil {
		return nil, err
	}
	opts = append(opts, append(who, nats.ErrorHandler(a.natsError))...)
	// A flag is closer to the user than the environment: --context counts although NATS_URL is set.
	named := a.Context != "" && a.Context != os.Getenv("NATS_CONTEXT") && a.Server == os.Getenv("NATS_URL")
	if a.Server != "" && !named {
		nc, err := nats.Connect(a.Server, opts...)
		return nc, explain(err, a.Server)
	}
	where := "context " + a.Context
	nc, _, err := natscontext.Connect(a.Context, append(opts, func(o *nats.Options) error {
		where = cmp.Or(strings.Join(o.Servers, ","), nats.DefaultURL)
		return nil
	})...)
	return nc, explain(err, where)
}

// natsError notes what NATS reports of a connection and belongs to nothing that somebody waits for.
func (a *app) natsError(_ *nats.Conn, _ *nats.Subscription, err error) {
	a.logger().Debug("NATS reports an error", "error", redacted(err.Error()))
}

// explain turns a failed connection into a sentence and a hint.
func explain(err error, where string) error {
	where = redacted(where)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout):
		return protocol.Errorf(protocol.CodeUnavailable, "no NATS server answers at %s", where).
			WithHint("start one with `millrace dev`, or name yours with --server or --context")
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		return protocol.Errorf(protocol.CodeUnauthorized, "the NATS server at %s refuses these credentials", where).
			WithHint("pass --creds, --nkey, --user and --password or --tlscert, or a --context that has them")
	case errors.Is(err, fs.ErrNotExist):
		return protocol.Errorf(protocol.CodeBadRequest, "there is no %s: %v", where, err).WithHint("`nats context ls` lists them")
	}
	if _, isURL := errors.AsType[*url.Error](err); isURL { // its text may quote a password
		return protocol.Errorf(protocol.CodeBadRequest, "the URL %s cannot be read", where).
			WithHint("what is special in a password is escaped: / is %%2F, @ is %%40")
	}
	if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
		return protocol.Errorf(protocol.CodeUnavailable, "the certificate of %s is of an authority that is not trusted here", where).
			WithHint("pass --tlsca FILE, or a --context that has it")
	}
	return protocol.Errorf(protocol.CodeUnavailable, "cannot connect to %s: %s", where, redacted(err.Error())).
		WithHint("check --server, --context and --creds; `nats context ls` lists the saved contexts")
}

// call runs f with a client, for as long as --timeout allows.
func (a *app) call(ctx context.Context, f func(context.Context, *client.Client) error) error {
	c, done, err := a.client()
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	return f(ctx, c)
}

// client connects and returns a client; done closes the connection.
func (a *app) client() (c *client.Client, done func(), err error) {
	codecs, err := a.codecs()
	if err != nil {
		return nil, nil, err
	}
	nc, err := a.connect()
	if err != nil {
		return nil, nil, err
	}
	c, err = client.New(nc, client.Namespace(a.Namespace), client.Codec(codecs...))
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return c, nc.Close, nil
}
