package jetstream

import "time"

const (
	// heartbeatAlone is how often the server says that a request for messages stands. That it dies the connection tells as well.
	heartbeatAlone = 10 * time.Second
	// heartbeatInCluster is how often it does where others may lead the consumer. Nothing else tells that one of those has died: a request
	// that it had is gone, and messages wait until somebody asks again.
	heartbeatInCluster = 2 * time.Second
)

// heartbeat is how often the server is to say that a request for messages stands.
func (s *Store) heartbeat() time.Duration {
	if s.nc.ConnectedClusterName() == "" {
		return heartbeatAlone
	}
	return heartbeatInCluster
}

// fellSilent reports whether two heartbeats were missed since the server last said anything.
func (s *Store) fellSilent(heard time.Time) bool {
	every := s.heartbeat()
	return time.Since(heard) > 2*every+every/2
}
