//go:build !linux

package loopback

import (
	"context"
	"net"
	"strconv"
)

// reserve reports whether a port is free.
func reserve(ctx context.Context, port int) error {
	l, err := listen(ctx, net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return l.Close()
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}
