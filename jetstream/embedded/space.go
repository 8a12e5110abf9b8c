package embedded

// Space is how many bytes the streams take, and how many they may at most: what the server is limited to, or what the disk has left for
// them if that is less, because others fill it. Zeros say that nobody knows.
func (s *Server) Space() (used, most int64) {
	info, err := s.srv.Jsz(nil)
	if err != nil || info.Disabled {
		return 0, 0
	}
	used, most = int64(info.Store), info.Config.MaxStore //nolint:gosec // a disk is smaller
	if free, ok := freeSpace(info.Config.StoreDir); ok {
		most = min(most, used+free)
	}
	return used, most
}
