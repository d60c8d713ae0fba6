//go:build !unix

package rawsocket

import "net"

// A Conn is a connection of the operating system.
type Conn struct{ net.Conn }

// New returns nil: the system has no calls that do not wait.
func New(net.Conn) *Conn { return nil }
