//go:build unix

package fleet

import (
	"os"
	"os/exec"
	"syscall"
)

// freeze stops a process where it stands, and thaw lets it go on.
func freeze(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func thaw(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

// apart puts a process into a group of its own. A terminal interrupts this process alone, which ends the others in their order; and one
// that is frozen when this process dies is woken by the system, to end.
func apart(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
