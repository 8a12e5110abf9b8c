//go:build !linux && !darwin && !freebsd

package embedded

// freeSpace does not know.
func freeSpace(string) (free int64, ok bool) { return 0, false }
