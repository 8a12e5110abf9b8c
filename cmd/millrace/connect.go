package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/natscontext"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// connect connects to NATS as the flags, the environment or a saved context say, in the manner of the nats CLI: without any of
// them, it is the context that is selected there, or a server on this machine.
func (a *app) connect(opts ...nats.Option) (*nats.Conn, error) {
	opts = append([]nats.Option{nats.Name("millrace " + Version()), nats.Timeout(a.Timeout)}, opts...)
	if a.Creds != "" {
		if _, err := os.Stat(a.Creds); err != nil {
			return nil, protocol.Errorf(protocol.CodeBadRequest, "cannot read the credentials: %v", err).
				WithHint("--creds, or NATS_CREDS, names the file of a user")
		}
		opts = append(opts, nats.UserCredentials(a.Creds))
	}
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

// explain turns a failed connection into a sentence and a hint.
func explain(err error, where string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout):
		return protocol.Errorf(protocol.CodeUnavailable, "no NATS server answers at %s", where).
			WithHint("start one with `millrace dev`, or name yours with --server or --context")
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		return protocol.Errorf(protocol.CodeUnavailable, "the NATS server at %s refuses these credentials", where).
			WithHint("pass --creds FILE, or a --context that has them")
	case errors.Is(err, fs.ErrNotExist):
		return protocol.Errorf(protocol.CodeBadRequest, "there is no %s: %v", where, err).WithHint("`nats context ls` lists them")
	}
	return protocol.Errorf(protocol.CodeUnavailable, "cannot connect to %s: %v", where, err).
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
