package jetstream

import "time"

const (
	// heartbeatAlone is how often the server says that a request for messages stands. That it dies the connection tells as well.
	heartbeatAlone = 10 * time.Second
	// heartbeatInCluster is how often it does where others may lead the consumer. Nothing else tells that one of those has died: a request
	// that it had is gone, and messages wait until somebody asks again.
	heartbeatInCluster = 2 * time.Second
	// pullAlone is how long a worker's request for tasks stands at a server that is alone, and pullInCluster how long it does in a cluster:
	// for at least two heartbeats, says the server, and not for as long as a task waits for a sign of life of its worker. A worker that is
	// frozen, or cut off, has its requests stand like all others, and would be given its own tasks again.
	pullAlone     = 2 * time.Minute
	pullInCluster = AckWait - 500*time.Millisecond
)

// heartbeat is how often the server is to say that a request for messages stands.
func (s *Store) heartbeat() time.Duration {
	if s.nc.ConnectedClusterName() == "" {
		return heartbeatAlone
	}
	return heartbeatInCluster
}

// pullExpiry is how long a request for tasks is to stand.
func (s *Store) pullExpiry() time.Duration {
	if s.nc.ConnectedClusterName() == "" {
		return pullAlone
	}
	return pullInCluster
}

// fellSilent reports whether two heartbeats were missed since the server last said anything.
func (s *Store) fellSilent(heard time.Time) bool {
	every := s.heartbeat()
	return time.Since(heard) > 2*every+every/2
}
