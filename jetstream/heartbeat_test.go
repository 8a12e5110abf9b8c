package jetstream

import "testing"

// A request for tasks that a frozen worker has left at the server is gone when its own tasks are given to somebody else.
func TestRequestsEndBeforeTasksAreGivenAgain(t *testing.T) {
	t.Parallel()
	if pullInCluster >= AckWait {
		t.Errorf("a request stands for %s, and a task comes again after %s", pullInCluster, AckWait)
	}
	if pullInCluster < 2*heartbeatInCluster || pullAlone < 2*heartbeatAlone {
		t.Error("the server refuses requests that end before the second heartbeat")
	}
}
