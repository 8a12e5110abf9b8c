//go:build !unix

package embedded

import (
	"os"
	"path/filepath"
)

// lockDir opens the lock file and no more: this system has no flock. Starting two servers on one directory is up to the user.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the caller's directory
	if err != nil {
		return nil, unavailable("choose a directory that this user may write to", "cannot use the data directory %s: %v", dir, err)
	}
	return f, nil
}
