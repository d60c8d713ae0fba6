// Package loopback finds free ports on this machine, for servers that must
// know their port before they listen on it.
//
// The operating system's own "any free port" comes from the range of outgoing
// connections, so such a connection may take the port before the server
// listens. The ports here are below that range.
package loopback

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The range of ports: below the dynamic ports of Linux, macOS and the IANA
// (RFC 6335, section 6).
const (
	firstPort = 10_000
	endPort   = 32_768
	attempts  = 100
)

// Listen listens on a random free port of a host.
func Listen(ctx context.Context, host string) (net.Listener, error) {
	var err error
	for range attempts {
		var l net.Listener
		address := net.JoinHostPort(host, strconv.Itoa(firstPort+rand.N(endPort-firstPort)))
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", address); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("finding a free port: %w", err)
}

// Address returns an address of this machine with a free port.
func Address(ctx context.Context) (string, error) {
	l, err := Listen(ctx, "127.0.0.1")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
