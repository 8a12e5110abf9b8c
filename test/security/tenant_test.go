package security

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/jetstream/embedded"
	"github.com/millrace-dev/millrace/protocol"
)

// A program in an account of its own has the control API and nothing else, and the subjects of its replies are made by the server.
func TestTenantInItsOwnAccount(t *testing.T) {
	t.Parallel()
	node := permissions(t, users[0])
	h := &house{t: t, dir: t.TempDir(), refused: map[string][]string{}}
	file := filepath.Join(h.dir, "nats.conf")
	conf := `accounts {
		ENGINE { jetstream: enabled, users: [ ` + strings.ReplaceAll(node.Conf(), "$ORCHESTRATOR_PASSWORD", "secret") + ` ]
			exports: [ { service: "mr.default.api.*", accounts: [ TENANT ] } ] }
		TENANT { users: [ { user: tenant, password: secret } ]
			imports: [ { service: { account: ENGINE, subject: "mr.default.api.*" } } ] }
	}`
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if h.srv, err = embedded.Start(embedded.Options{Dir: h.dir, Listen: "127.0.0.1:0", Sync: "10000h", Config: file}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.srv.Close)
	h.node("orchestrator", "default")
	nc := h.as("tenant")
	ask := func(endpoint, body string) string {
		t.Helper()
		m, err := nc.Request(protocol.DefaultNamespace.API(endpoint), []byte(body), 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return string(m.Data)
	}
	if got := ask("start", `{"type": "x", "id": "wf", "queue": "q1"}`); !strings.Contains(got, `"run_id"`) {
		t.Errorf("a start is answered with %s", got)
	}
	// It is free to name any subject of its own account for the answer; nothing of the engine's can be hit by that. A subject of the server's
	// own API it may not name at all.
	answerOn := func(reply string) {
		m := &nats.Msg{Subject: protocol.DefaultNamespace.API("describe"), Reply: reply, Data: []byte(`{"id": "wf"}`)}
		if err := nc.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	answerOn("mr.default.hist.0.wf")
	if got := ask("describe", `{"id": "wf"}`); !strings.Contains(got, `"status":"Running"`) {
		t.Errorf("a question is answered with %s", got)
	}
	m, err := nc.Request("$JS.API.STREAM.INFO.MR_default_HISTORY_0", nil, time.Second)
	if err != nil || !strings.Contains(string(m.Data), `"error"`) {
		t.Errorf("the tenant asks for a stream of the engine and gets %v, %v", m, err)
	}
	h.nothingRefused()
	const purge = "$JS.API.STREAM.PURGE.MR_default_HISTORY_0"
	answerOn(purge)
	if err := nc.Flush(); err != nil { // a refusal comes before the answer to the ping
		t.Fatal(err)
	}
	if err := nc.LastError(); !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), purge) {
		t.Errorf("the tenant has its answer sent to %s: %v", purge, err)
	}
	if got := ask("describe", `{"id": "wf"}`); !strings.Contains(got, `"status":"Running"`) {
		t.Errorf("a question is answered with %s", got)
	}
}
