package embedded

import (
	"os"
	"path/filepath"
	"syscall"

	"github.com/millrace-dev/millrace/protocol"
)

// lockDir keeps a second process out of the directory: two servers on the same files would destroy them. The lock goes with
// the process, however it ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the caller's directory
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeUnavailable, "cannot use the data directory %s: %v", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil { //nolint:gosec // a file descriptor
		_ = f.Close()
		return nil, protocol.Errorf(protocol.CodeUnavailable, "another process uses the data directory %s", dir).
			WithHint("stop it, connect to it, or choose another directory")
	}
	return f, nil
}
