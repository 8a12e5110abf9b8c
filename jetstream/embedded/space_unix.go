//go:build linux || darwin || freebsd

package embedded

import "syscall"

// freeSpace is how many bytes of a directory's disk are free for this user.
func freeSpace(dir string) (free int64, ok bool) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, false
	}
	return int64(fs.Bavail) * int64(fs.Bsize), true //nolint:gosec,unconvert // of other widths on other systems
}
