package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/protocol"
)

// An nkey of these tests, and of nothing else.
const (
	seed      = "SUALNHWYZOFABYDXAVV7IEVHOYTFPCAIVOWI4HSASIHBTIIXJRTRR472FA"
	publicKey = "UAZAXHEDAG7ED6D5JNQ7WQUCCI3KJHRRQSKDYP5QN2WY4PQ2PTWNTXTV"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, dir, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: dir}
	a.cert, a.key = a.issue(name, &x509.Certificate{IsCA: true, KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true})
	return a
}

// issue writes a certificate and its key to NAME.pem and NAME.key. Without an authority yet, it signs itself.
func (a *authority) issue(name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".pem", &pem.Block{Type: "CERTIFICATE", Bytes: der})
	a.write(name+".key", &pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) write(name string, block *pem.Block) {
	a.t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// guarded runs a NATS with a configuration.
func guarded(t *testing.T, dir, conf string) *embedded.Server {
	t.Helper()
	file := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	srv, err := embedded.Start(embedded.Options{Dir: dir, Listen: "127.0.0.1:0", Sync: "1m", Config: file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return srv
}

// said is everything that a command writes.
type said struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements [io.Writer].
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

// String is what was written so far.
func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// node runs `millrace serve` with some flags until the test ends, and returns once it is ready.
func node(t *testing.T, log io.Writer, flags ...string) {
	t.Helper()
	ctx, interrupt := context.WithCancel(context.Background())
	ready, out := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		status := execute(ctx, append([]string{"serve", "--json", "--log-level", "debug"}, flags...), std{out: io.MultiWriter(out, log), err: log})
		_ = out.Close()
		ended <- status
	}()
	t.Cleanup(func() {
		interrupt()
		if status := <-ended; status != exitOK {
			t.Errorf("the node ends with %d", status)
		}
	})
	if err := json.NewDecoder(ready).Decode(&struct{}{}); err != nil {
		t.Fatalf("the node does not come up: %v", log)
	}
}

// Certificates of both sides and an nkey of the user are all that is needed, for nodes and for every verb, and each of them is needed.
func TestTLSAndNKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := newAuthority(t, dir, "ca")
	ca.issue("server", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	ca.issue("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	newAuthority(t, dir, "another")
	file := func(name string) string { return filepath.Join(dir, name) }
	srv := guarded(t, dir, `
		tls: { cert_file: "`+file("server.pem")+`", key_file: "`+file("server.key")+`", ca_file: "`+file("ca.pem")+`", verify: true }
		accounts: { MR: { jetstream: enabled, users: [ { nkey: `+publicKey+` } ] } }`)
	if err := os.WriteFile(file("user.nk"), []byte(seed+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"--tlsca": file("ca.pem"), "--tlscert": file("client.pem"), "--tlskey": file("client.key"), "--nkey": file("user.nk")}
	flags := func(change func(map[string]string)) []string {
		with := map[string]string{}
		maps.Copy(with, all)
		change(with)
		list := []string{"--server", srv.URL()}
		for k, v := range with {
			list = append(list, k, v)
		}
		return list
	}
	log := &said{}
	node(t, log, flags(func(map[string]string) {})...)
	for what, test := range map[string]struct {
		change func(map[string]string)
		code   protocol.Code
	}{
		"everything":            {func(map[string]string) {}, ""},
		"no nkey":               {func(m map[string]string) { delete(m, "--nkey") }, protocol.CodeUnauthorized},
		"no certificate":        {func(m map[string]string) { delete(m, "--tlscert"); delete(m, "--tlskey") }, protocol.CodeUnavailable},
		"no authority":          {func(m map[string]string) { delete(m, "--tlsca") }, protocol.CodeUnavailable},
		"the wrong authority":   {func(m map[string]string) { m["--tlsca"] = file("another.pem") }, protocol.CodeUnavailable},
		"another's certificate": {func(m map[string]string) { m["--tlscert"], m["--tlskey"] = file("another.pem"), file("another.key") }, protocol.CodeUnavailable},
	} {
		t.Run(what, func(t *testing.T) {
			var out, err said
			status := execute(t.Context(), append([]string{"list", "--json"}, flags(test.change)...), std{out: &out, err: &err})
			if test.code == "" {
				if status != exitOK {
					t.Errorf("it ends with %d and says %s", status, err.String())
				}
				return
			}
			var said protocol.ErrorAnswer
			if e := json.Unmarshal([]byte(err.String()), &said); e != nil || said.Error.Code != test.code || said.Error.Hint == "" {
				t.Errorf("it says %s", err.String())
			}
		})
	}
	if strings.Contains(log.String(), seed) {
		t.Error("the seed is in the log")
	}
}

// Passwords and tokens in a URL are in no log, no error and no output, whatever happens.
func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	const password = "Sesame-4711"
	srv := guarded(t, t.TempDir(), `accounts: { MR: { jetstream: enabled, users: [ { user: ada, password: `+password+` } ] } }`)
	host := strings.TrimPrefix(srv.URL(), "nats://")
	all := &said{}
	node(t, all, "--server", "nats://ada:"+password+"@"+host)
	run := func(want int, args ...string) {
		t.Helper()
		if status := execute(t.Context(), append(args, "--log-level", "debug", "--timeout", "2s"), std{out: all, err: all}); status != want {
			t.Errorf("%v ends with %d", args, status)
		}
	}
	for _, form := range []string{"", "--json"} {
		verb := []string{"list"}
		if form != "" {
			verb = append(verb, form)
		}
		with := func(args ...string) []string { return append(slices.Clip(verb), args...) }
		run(exitOK, with("--server", "nats://ada:"+password+"@"+host)...)
		run(exitOK, with("--server", "nats://"+host, "--user", "ada", "--password", password)...)
		run(exitError, with("--server", "nats://eve:"+password+"@"+host)...)
		run(exitError, with("--server", "nats://"+password+"@"+host)...)
		run(exitError, with("--server", "nats://"+host, "--user", password)...)
		run(exitError, with("--server", "nats://ada:"+password+"@127.0.0.1:1,nats://"+password+"@127.0.0.1:2")...)
		run(exitError, with("--server", "nats://ada:"+password+"/@127.0.0.1:1")...)
		run(exitError, with("--server", "ada:"+password+"@127.0.0.1:1")...)
		run(exitError, with("--server", "nats://ada:%zz"+password+"@127.0.0.1:1")...)
		run(exitError, with("--server", "nats://ada:"+password+"@"+host, "--namespace", "elsewhere")...)
	}
	if text := all.String(); strings.Contains(text, password) || !strings.Contains(text, "***@") {
		t.Errorf("the password is in what was said:\n%s", text)
	}
}
