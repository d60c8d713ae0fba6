// Package loopback finds free ports on this machine, for servers that are told
// a port before they listen on it.
//
// Between the finding and the listening, an outgoing connection may be given
// the port that a system's own "any free port" has named: those come from the
// same range. The ports here are below it.
package loopback

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports to choose from: below those that Linux, macOS and the IANA
// (RFC 6335, section 6) leave to outgoing connections.
const (
	firstPort = 10_000
	endPort   = 32_768
	attempts  = 100
)

// Listen listens on a free port of a host.
func Listen(ctx context.Context, host string) (net.Listener, error) {
	var err error
	for range attempts {
		var l net.Listener
		address := net.JoinHostPort(host, strconv.Itoa(firstPort+rand.N(endPort-firstPort)))
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", address); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("looking for a free port: %w", err)
}

// Address gives an address of this machine on whose port nothing listens.
func Address(ctx context.Context) (string, error) {
	l, err := Listen(ctx, "127.0.0.1")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
