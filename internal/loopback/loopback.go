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

// Host is the loopback address.
const Host = "127.0.0.1"

// Address returns an address of a host of this machine with a free port, for a server that listens
// there. An empty host stands for all interfaces. On Linux, the port is reserved until ctx ends: no
// other call here or in another process gets it, also while the server is restarted. Elsewhere, it is
// free when Address returns.
func Address(ctx context.Context, host string) (string, error) {
	var err error
	for range attempts {
		var address string
		if address, err = tryPort(ctx, host, firstPort+rand.N(endPort-firstPort)); err == nil {
			return address, nil
		}
	}
	return "", fmt.Errorf("finding a free port: %w", err)
}

func tryPort(ctx context.Context, host string, port int) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	release, err := reserve(port)
	if err != nil {
		return "", err
	}
	address := net.JoinHostPort(host, strconv.Itoa(port))
	if host != Host {
		err = check(ctx, address)
	}
	if err != nil {
		release()
		return "", err
	}
	context.AfterFunc(ctx, release)
	return address, nil
}

// check listens on an address for a moment.
func check(ctx context.Context, address string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return l.Close()
}
