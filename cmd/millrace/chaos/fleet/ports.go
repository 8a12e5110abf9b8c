package fleet

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports of servers are below those that systems give to connections: a server that is started again must find its own free.
const lowest, highest = 10_000, 32_000

// freePorts are addresses on loopback that nobody listens on.
func freePorts(n int) ([]string, error) {
	listeners, found := make([]net.Listener, 0, n), make([]string, 0, n)
	var err error
	for tries := 0; len(found) < n && tries < 1000; tries++ { // all at once, or one would be found twice
		var l net.Listener
		port := lowest + rand.IntN(highest-lowest)                                                     //nolint:gosec // no secret
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil { //nolint:noctx // closed below
			listeners, found = append(listeners, l), append(found, l.Addr().String())
		}
	}
	if len(found) == n {
		err = nil
	}
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
	}
	return found, err
}
