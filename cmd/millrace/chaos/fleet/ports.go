package fleet

import (
	"errors"
	"net"
)

// freePorts are addresses on loopback that nobody listens on: a server that is started again must come back on its own.
func freePorts(n int) ([]string, error) {
	listeners, found := make([]net.Listener, 0, n), make([]string, n)
	var err error
	for i := range found { // all at once, or one would be found twice
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil { //nolint:noctx // closed below
			break
		}
		listeners, found[i] = append(listeners, l), l.Addr().String()
	}
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
	}
	return found, err
}
