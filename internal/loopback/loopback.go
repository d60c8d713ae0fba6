// Package loopback finds free ports on this machine, for servers that must
// know their port before they listen on it.
//
// The operating system's own "any free port" comes from the range of outgoing
// connections, so such a connection may take the port before the server
// listens. The ports here are below that range. reserve_linux.go keeps others
// from them.
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

// Listen listens on a random free port of a host, which nobody has reserved.
func Listen(ctx context.Context, host string) (net.Listener, error) {
	var err error
	for range attempts {
		var l net.Listener
		if l, err = listen(ctx, net.JoinHostPort(host, strconv.Itoa(randomPort()))); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("finding a free port: %w", err)
}

// Address returns an address of this machine with a free port, for a program that listens there.
// On Linux, it is reserved until ctx ends: no other call here or in another process gets it, also
// while the program is restarted. Elsewhere, it is free when Address returns.
func Address(ctx context.Context) (string, error) {
	var err error
	for range attempts {
		port := randomPort()
		if err = reserve(ctx, port); err == nil {
			return net.JoinHostPort(host, strconv.Itoa(port)), nil
		}
	}
	return "", fmt.Errorf("finding a free port: %w", err)
}

// host is that of addresses.
const host = "127.0.0.1"

func randomPort() int { return firstPort + rand.N(endPort-firstPort) }
