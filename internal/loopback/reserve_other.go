//go:build !linux

package loopback

import (
	"context"
	"net"
	"strconv"
)

// reserve reports whether a port is free.
func reserve(port int) (release func(), err error) {
	return func() {}, check(context.Background(), net.JoinHostPort(Host, strconv.Itoa(port)))
}
