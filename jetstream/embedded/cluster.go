package embedded

import (
	"net/url"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"
)

// clusterName is the same for all servers of a cluster.
const clusterName = "millrace"

// join makes the server one of a cluster, if it is to be one.
func (o Options) join(opts *server.Options) error {
	if len(o.Cluster) == 0 {
		return nil
	}
	if o.Listen == "" {
		return misuse(`set Listen too: "127.0.0.1:0" picks a port`, "the servers of a cluster must accept connections")
	}
	host, port, err := address(o.Cluster[0])
	if err != nil {
		return err
	}
	if port == 0 {
		return misuse("choose a port: the others must know it", "%q does not say where the server is", o.Cluster[0])
	}
	opts.ServerName += "-" + strconv.Itoa(port)                                       // no two of a cluster may have one name
	opts.Cluster.Name, opts.Cluster.Host, opts.Cluster.Port = clusterName, host, port // the rest may be in the configuration
	for _, a := range o.Cluster {
		if _, _, err := address(a); err != nil {
			return err
		}
		opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats", Host: a})
	}
	return nil
}
