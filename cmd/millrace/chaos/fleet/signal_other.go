//go:build !unix

package fleet

import (
	"errors"
	"os"
	"os/exec"
)

func freeze(*os.Process) error { return errors.New("a process cannot be frozen on this system") }

func thaw(*os.Process) error { return errors.New("a process cannot be frozen on this system") }

func apart(*exec.Cmd) {}
