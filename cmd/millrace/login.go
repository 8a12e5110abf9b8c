package main

import (
	"crypto/tls"
	"os"
	"regexp"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// login are the flags that say who connects, and how. They are named as in the nats CLI.
type login struct {
	User        string `help:"User, or token." env:"NATS_USER" placeholder:"NAME"`
	Password    string `help:"Password of the user." env:"NATS_PASSWORD" placeholder:"WORD"`
	Creds       string `help:"File with the user's credentials." env:"NATS_CREDS" placeholder:"FILE"`
	NKey        string `help:"File with the seed of the user's nkey." name:"nkey" env:"NATS_NKEY" placeholder:"FILE"`
	TLSCert     string `help:"File with the client's certificate." name:"tlscert" env:"NATS_CERT" placeholder:"FILE"`
	TLSKey      string `help:"File with the key of the certificate." name:"tlskey" env:"NATS_KEY" placeholder:"FILE"`
	TLSCA       string `help:"File with the authorities of the server's certificate." name:"tlsca" env:"NATS_CA" placeholder:"FILE"`
	TLSFirst    bool   `help:"Begin with TLS, before the server says anything." name:"tlsfirst"`
	InboxPrefix string `help:"Where answers come." name:"inbox-prefix" env:"NATS_INBOX_PREFIX" placeholder:"SUBJECT"`
}

// options are those of the connection. A file that cannot be used is said here: the library would say it in the middle of a connection.
func (l *login) options() ([]nats.Option, error) {
	var opts []nats.Option
	switch {
	case l.User != "" && l.Password == "":
		opts = append(opts, nats.Token(l.User))
	case l.User != "":
		opts = append(opts, nats.UserInfo(l.User, l.Password))
	}
	if l.Creds != "" {
		if err := readable("the credentials", l.Creds, "--creds, or NATS_CREDS, names the file of a user"); err != nil {
			return nil, err
		}
		opts = append(opts, nats.UserCredentials(l.Creds))
	}
	if l.NKey != "" {
		if err := readable("the nkey", l.NKey, "--nkey, or NATS_NKEY, names the file of a seed"); err != nil {
			return nil, err
		}
		opt, err := nats.NkeyOptionFromSeed(l.NKey)
		if err != nil {
			return nil, unusable("the nkey", err, "the file holds a user's seed, which begins with SU: `nsc generate nkey --user`")
		}
		opts = append(opts, opt)
	}
	if l.InboxPrefix != "" {
		opts = append(opts, nats.CustomInboxPrefix(l.InboxPrefix))
	}
	secure, err := l.tls()
	return append(opts, secure...), err
}

// tls are the options of a connection that is encrypted by certificates of one's own.
func (l *login) tls() (opts []nats.Option, err error) {
	if (l.TLSCert == "") != (l.TLSKey == "") {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "a certificate and its key go together").
			WithHint("give --tlscert and --tlskey")
	}
	if l.TLSCert != "" {
		if _, err := tls.LoadX509KeyPair(l.TLSCert, l.TLSKey); err != nil {
			return nil, unusable("the certificate", err, "--tlscert and --tlskey name files in PEM that fit each other")
		}
		opts = append(opts, nats.ClientCert(l.TLSCert, l.TLSKey))
	}
	if l.TLSCA != "" {
		if err := readable("the authorities", l.TLSCA, "--tlsca, or NATS_CA, names a file in PEM"); err != nil {
			return nil, err
		}
		opts = append(opts, nats.RootCAs(l.TLSCA))
	}
	if l.TLSFirst {
		opts = append(opts, nats.TLSHandshakeFirst())
	}
	return opts, nil
}

func readable(what, file, hint string) error {
	_, err := os.Stat(file)
	return unusable(what, err, hint)
}

func unusable(what string, err error, hint string) error {
	if err == nil {
		return nil
	}
	return protocol.Errorf(protocol.CodeBadRequest, "cannot read %s: %v", what, err).WithHint("%s", hint)
}

// credentials are what stands before the host in a URL, or in each of a list, with or without a scheme.
var credentials = regexp.MustCompile(`((?:^|,\s*)(?:\w+://)?|//)[^\s,"]*@`)

// redacted is a text without the passwords and tokens of the URLs in it. Also a user's name without a password may be a token.
func redacted(text string) string { return credentials.ReplaceAllString(text, "${1}***@") }
