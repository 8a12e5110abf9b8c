package fleet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/warp"
)

const (
	// startLimit is how long a process may take until it is ready; a node waits for JetStream meanwhile.
	startLimit = time.Minute
	// again is how long a supervisor waits before it starts a process that ended by itself.
	again = 250 * time.Millisecond
	// grace is how long a process may take to end in good order.
	grace = 20 * time.Second
)

// Process is a part of the fleet in a process of its own. Its standard input is a pipe that nobody writes to: it ends with this process,
// however that ends, and the other with it. It is for one goroutine at a time.
type Process struct {
	part Part
	o    Options
	log  string
	dial warp.Dial

	cmd    *exec.Cmd
	stdin  io.Closer
	gone   chan struct{} // closed when the process has ended
	frozen bool
	meant  bool // to end
}

func id(name string, life int) string { return fmt.Sprintf("%s-%d", name, life) }

func newProcess(o Options, p Part) *Process {
	return &Process{part: p, o: o, log: filepath.Join(o.Dir, p.Name+".log"), gone: closed()}
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// Name is the name of the process, such as "node-1".
func (p *Process) Name() string { return p.part.Name }

// ID is the name of its present life, or of the last one, such as "node-1-4".
func (p *Process) ID() string { return p.part.ID() }

// Log is the file that it writes to.
func (p *Process) Log() string { return p.log }

// Dir is where a server keeps its files.
func (p *Process) Dir() string { return p.part.Dir }

// Dial is that of its clock and its disk, if the fleet has dials. It must have been started once.
func (p *Process) Dial() warp.Dial { return p.dial }

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Wait waits until the process has ended.
func (p *Process) Wait() { <-p.gone }

// Runs reports whether the process is there, frozen or not.
func (p *Process) Runs() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// Start starts the process and waits until it is ready. One that ends before, because NATS does not answer for instance, is started again,
// as a supervisor does.
func (p *Process) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		ready, err := p.launch()
		if err != nil {
			return err
		}
		select {
		case <-ready:
			return nil
		case <-p.gone:
		case <-ctx.Done():
			p.Kill()
			return fmt.Errorf("%s was not ready in time: %s", p.Name(), p.lastWords())
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return fmt.Errorf("%s does not start: %s", p.Name(), p.lastWords())
		}
	}
}

// launch starts a process. ready is closed when it says that it is.
func (p *Process) launch() (ready <-chan struct{}, err error) {
	p.part.Life++
	part, err := json.Marshal(p.part)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	// Not bound to a context: a process ends by Kill or Stop, and in no other way.
	cmd := p.o.Command(context.Background(), string(part))
	cmd.Stderr = log
	apart(cmd)
	if p.o.Dials {
		if p.part.Life == 1 {
			if p.dial, err = warp.NewDial(filepath.Join(p.o.Dir, p.Name()+".dial")); err != nil {
				return nil, err
			}
		}
		cmd.Env = append(cmd.Environ(), p.dial.Env())
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Name(), err)
	}
	said, gone := make(chan struct{}), make(chan struct{})
	go func() {
		if bufio.NewScanner(out).Scan() {
			close(said)
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // whether that is an error depends on who ended it
		close(gone)
	}()
	p.cmd, p.stdin, p.gone, p.frozen, p.meant = cmd, stdin, gone, false, false
	return said, nil
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (p *Process) Kill() {
	if p.Runs() {
		p.meant = true
		_ = p.cmd.Process.Kill() // it may be gone by now
		<-p.gone
	}
}

// Freeze stops the process where it stands, and Thaw lets it go on.
func (p *Process) Freeze() error {
	if !p.Runs() {
		return p.died()
	}
	p.frozen = true
	return freeze(p.cmd.Process)
}

// Thaw lets a frozen process go on. One that is not frozen is left alone.
func (p *Process) Thaw() error {
	if !p.frozen || !p.Runs() {
		return nil
	}
	p.frozen = false
	return thaw(p.cmd.Process)
}

// rest puts its clock and its disk right.
func (p *Process) rest() error {
	if p.dial == (warp.Dial{}) {
		return nil
	}
	return p.dial.Rest()
}

// Stop ends the process in good order.
func (p *Process) Stop() error {
	if !p.Runs() {
		return nil
	}
	p.meant = true
	_ = p.stdin.Close() // it may be gone by now
	select {
	case <-p.gone:
		return nil
	case <-time.After(grace):
		p.Kill()
		return fmt.Errorf("%s did not stop within %s: %s", p.Name(), grace, p.lastWords())
	}
}

// Check fails if the process ended by itself since it was started.
func (p *Process) Check() error {
	if p.Runs() || p.meant || p.cmd == nil {
		return nil
	}
	return p.died()
}

func (p *Process) died() error {
	return fmt.Errorf("%s ended by itself (%s): %s", p.Name(), p.cmd.ProcessState, p.lastWords())
}

// lastWords are the last line of its log.
func (p *Process) lastWords() string {
	data, _ := os.ReadFile(p.log) // without it there is less to say
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return string(lines[len(lines)-1])
}
