//go:build unix

package embedded

import (
	"os"
	"path/filepath"
	"syscall"
)

// lockDir keeps a second process out of the directory: two servers on the same files would destroy them. The lock goes with
// the process, however it ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the caller's directory
	if err != nil {
		return nil, unavailable("choose a directory that this user may write to", "cannot use the data directory %s: %v", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, unavailable("stop it, connect to it, or choose another directory", "another process uses the data directory %s", dir)
	}
	return f, nil
}
