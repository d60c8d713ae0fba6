package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// dialTimeout bounds a connection attempt to an endpoint on this machine.
const dialTimeout = time.Second

// A balancer distributes the connections to an address over the replicas of a
// service, as a Kubernetes Service does. If an endpoint refuses the connection,
// the balancer tries the next one.
type balancer struct {
	listener net.Listener
	done     sync.WaitGroup

	mu        sync.Mutex
	endpoints []string
	next      int
	open      map[net.Conn]bool // nil after close
}

// balance listens on an address until close is called.
func balance(ctx context.Context, address string, endpoints []string) (*balancer, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening in place of the replicas: %w", err)
	}
	b := &balancer{listener: l, endpoints: endpoints, open: map[net.Conn]bool{}}
	b.done.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // closed
			}
			b.done.Go(func() { b.serve(ctx, client) })
		}
	})
	return b, nil
}

// close closes the listener and all connections.
func (b *balancer) close() error {
	err := b.listener.Close()
	b.mu.Lock()
	for c := range b.open {
		_ = c.Close() // its copy ends with an error
	}
	b.open = nil
	b.mu.Unlock()
	b.done.Wait()
	if err != nil {
		return fmt.Errorf("closing the listener of the replicas: %w", err)
	}
	return nil
}

func (b *balancer) serve(ctx context.Context, client net.Conn) {
	defer b.forget(client)
	if !b.remember(client) {
		return
	}
	server := b.dial(ctx)
	if server == nil {
		return // the client sees a closed connection
	}
	defer b.forget(server)
	if !b.remember(server) {
		return
	}
	var copied sync.WaitGroup
	copied.Go(func() { relay(server, client) })
	relay(client, server)
	copied.Wait()
}

// relay copies until the source ends, and then ends the destination.
func relay(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(*net.TCPConn); ok && err == nil {
		_ = half.CloseWrite() // an error means that the connection is gone
		return
	}
	_ = to.Close()
}

// replace lets an endpoint take the place of another one for new connections.
func (b *balancer) replace(leaving, fresh string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endpoints = slices.Clone(b.endpoints)
	b.endpoints[slices.Index(b.endpoints, leaving)] = fresh
}

// dial connects to the next endpoint that accepts, or returns nil.
func (b *balancer) dial(ctx context.Context) net.Conn {
	for _, endpoint := range b.order() {
		dialer := net.Dialer{Timeout: dialTimeout}
		if c, err := dialer.DialContext(ctx, "tcp", endpoint); err == nil {
			return c
		}
	}
	return nil
}

// order returns the endpoints, beginning with another one each time.
func (b *balancer) order() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next = (b.next + 1) % len(b.endpoints)
	return slices.Concat(b.endpoints[b.next:], b.endpoints[:b.next])
}

// remember reports whether the balancer is still open.
func (b *balancer) remember(c net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		return false
	}
	b.open[c] = true
	return true
}

func (b *balancer) forget(c net.Conn) {
	_ = c.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, c)
}
