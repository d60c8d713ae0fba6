package servicetest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Gate stands between a service and its database. Closing it looks to the
// service like a Postgres that crashed: connections break, and new ones are
// refused.
type Gate struct {
	target  func(context.Context) (net.Conn, error)
	address string

	mu          sync.Mutex
	listener    net.Listener // nil while the gate is closed
	connections map[net.Conn]bool
	running     sync.WaitGroup
}

// newGate opens a gate to a database and returns the URL that leads through it.
func newGate(t testing.TB, database string) (*Gate, string) {
	t.Helper()
	config, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	network, address := pgNetwork(config)
	g := &Gate{
		target:      func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, network, address) },
		address:     "127.0.0.1:0",
		connections: map[net.Conn]bool{},
	}
	g.Open(t)
	t.Cleanup(func() { g.Close(); g.running.Wait() })
	through, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	through.Host = g.address
	query := through.Query()
	query.Del("host")
	query.Del("port")
	through.RawQuery = query.Encode()
	return g, through.String()
}

func pgNetwork(config *pgx.ConnConfig) (network, address string) {
	if config.Host != "" && config.Host[0] == '/' {
		return "unix", fmt.Sprintf("%s/.s.PGSQL.%d", config.Host, config.Port)
	}
	return "tcp", net.JoinHostPort(config.Host, fmt.Sprint(config.Port))
}

// Open lets connections through, at the same address as before.
func (g *Gate) Open(t testing.TB) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listener, g.address = l, l.Addr().String()
	g.running.Go(func() { g.accept(l) })
}

// Close breaks all connections and refuses new ones.
func (g *Gate) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.listener != nil {
		g.listener.Close()
		g.listener = nil
	}
	for c := range g.connections {
		c.Close()
	}
}

func (g *Gate) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return // closed
		}
		g.running.Go(func() { g.relay(client) })
	}
}

func (g *Gate) relay(client net.Conn) {
	defer client.Close()
	server, err := g.target(context.Background())
	if err != nil {
		return
	}
	defer server.Close()
	if !g.add(client) || !g.add(server) {
		return
	}
	defer g.remove(client, server)
	var half sync.WaitGroup
	half.Go(func() { _, _ = io.Copy(server, client); server.Close() })
	_, _ = io.Copy(client, server)
	client.Close()
	half.Wait()
}

// add registers a connection to break, unless the gate is closed.
func (g *Gate) add(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.listener != nil {
		g.connections[c] = true
	}
	return g.listener != nil
}

func (g *Gate) remove(connections ...net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range connections {
		delete(g.connections, c)
	}
}
