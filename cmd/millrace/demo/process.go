package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/millrace-dev/millrace/protocol"
)

// grace is how long a process may take to end in good order when the demo is over.
const grace = 5 * time.Second

// process is this program, running as a node or as a worker. Its standard input is a pipe that nobody writes to: it ends with
// the demo, however the demo ends, and the process ends with it.
type process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	log   string
	gone  chan struct{} // closed when the process has ended
}

// start starts a process and waits for the one line of JSON that says that it is ready.
func start(ctx context.Context, o Options, name string, ready any, args ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(o.Data, name+".log"), gone: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	// Not bound to ctx: a process is ended by kill or stop, and no other way.
	p.cmd = exec.Command(o.Executable, args...) //nolint:gosec,noctx // this program
	p.cmd.Stderr = log
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the %s: %w", name, err)
	}
	said := make(chan error, 1)
	go func() {
		said <- json.NewDecoder(out).Decode(ready)
		_, _ = io.Copy(io.Discard, out)
		_ = p.cmd.Wait() // its status says nothing: it is killed, or stopped, or its log says why
		close(p.gone)
	}()
	select {
	case err = <-said:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		p.kill()
		return nil, p.died()
	}
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the process with SIGKILL and waits until it is gone: its port and its directory are free then.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone already
	<-p.gone
}

// stop lets the process end in good order, for a while.
func (p *process) stop() {
	if p == nil {
		return
	}
	_ = p.stdin.Close() // it may be gone already
	select {
	case <-p.gone:
	case <-time.After(grace):
		p.kill()
	}
}

// died is the error of a process that ended by itself, with the last thing that it said.
func (p *process) died() error {
	data, _ := os.ReadFile(p.log) // without the log there is less to say
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return protocol.Errorf(protocol.CodeInternal, "the %s ended by itself: %s", p.name, lines[len(lines)-1]).
		WithHint("the whole log is in %s", p.log)
}
