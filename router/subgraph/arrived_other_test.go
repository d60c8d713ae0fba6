//go:build !unix

package subgraph_test

import "net"

// arrived is true, since connections whose sockets cannot be looked at are not used again.
func arrived(*net.TCPConn) bool { return true }
