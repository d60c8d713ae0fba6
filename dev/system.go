package dev

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"souk/internal/loopback"
	"souk/internal/memory"
	"souk/internal/pgserver"
	"souk/router"
	"souk/subgraphs"
)

// Options say what Start runs, and where.
type Options struct {
	// Listen is the router's address; the services, the inbox and the
	// router's admin pages take the ports after it on the same host. With
	// port 0 each takes a free port.
	Listen string
	// AllowHosts are names that requests may have in their Host header, beside
	// localhost, IP addresses and the host of Listen. Requests for others are
	// refused: see hosts.
	AllowHosts []string
	// Dir keeps the data between starts; empty for data that goes with the system.
	Dir string
	// DatabaseURL names a running Postgres to use instead of an own one.
	DatabaseURL string
	// RedisURL names a running Redis to use instead of one in this process.
	RedisURL string
	// AuthMode is "tutorial" (a request without a token may do everything) or "enforced".
	AuthMode string
	// Progress is told, for people, what has started; nil for nobody.
	Progress io.Writer
	// Log takes the logs of all parts as JSON, a line a record; nil for nobody.
	Log io.Writer
	// LogLevel is debug, info, warn or error; info when empty.
	LogLevel string
	// Extensions are the router's.
	Extensions router.Extensions
}

// A System is a running store.
type System struct {
	opts      Options
	addresses map[string]string
	// held keeps the addresses of what has not been started yet.
	held      map[string]net.Listener
	databases map[string]string
	postgres  *pgserver.Server
	redis     *redisServer
	inbox     *component
	services  map[string]*component
	router    *component
	token     string
	failed    chan error
	// guard watches the memory of the process.
	guard     *memory.Guard
	stopGuard func()
}

// Start runs the store and returns when it answers. The context bounds the
// start and carries values; Stop ends the system.
func Start(ctx context.Context, opts Options) (*System, error) {
	if opts.Log == nil {
		opts.Log = io.Discard
	}
	s := &System{opts: opts, token: rand.Text(), services: map[string]*component{}, databases: map[string]string{}, failed: make(chan error, 16)}
	s.guard, s.stopGuard = memory.Protect(ctx, slog.New(slog.NewJSONHandler(opts.Log, nil)), memory.Edge)
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *System) start(ctx context.Context) error {
	report := newProgress(s.opts.Progress)
	var err error
	if err = s.reserve(ctx); err != nil {
		return err
	}
	if err := report.step("Postgres", func() (string, error) { return s.startPostgres(ctx) }); err != nil {
		return err
	}
	if err := report.step("Redis", func() (string, error) { return s.startRedis(ctx) }); err != nil {
		return err
	}
	if err := report.step("inbox", func() (string, error) { return s.startInbox(ctx) }); err != nil {
		return err
	}
	for _, name := range subgraphs.Names() {
		if err := report.step(name, func() (string, error) { return s.URL(name), s.StartService(ctx, name) }); err != nil {
			return err
		}
	}
	if err := report.step("seed data", func() (string, error) { return s.seed(ctx) }); err != nil {
		return err
	}
	return report.step("router", func() (string, error) { return s.startRouter(ctx) })
}

const (
	routerName = "router"
	adminName  = "admin"
	inboxName  = "inbox"
	smtpName   = "smtp"
)

// componentNames are what listens, in the order of their ports.
func (s *System) componentNames() []string {
	return slices.Concat([]string{routerName}, subgraphs.Names(), []string{inboxName, adminName, smtpName})
}

// URL is the base URL of the router, a service, the "inbox" or the "admin" pages.
func (s *System) URL(name string) string {
	if address := s.addresses[name]; !strings.HasPrefix(address, ":") {
		return "http://" + address
	}
	return "http://localhost" + s.addresses[name] // it listens on all interfaces
}

// Failed gives the error of a part that ended although nobody stopped it.
func (s *System) Failed() <-chan error { return s.failed }

// Stop ends the router, then the services, then what they stand on, each
// after the work in progress.
func (s *System) Stop() error {
	err := s.router.stop()
	for _, name := range slices.Backward(subgraphs.Names()) {
		err = errors.Join(err, s.StopService(name))
	}
	err = errors.Join(err, s.inbox.stop())
	s.release(s.componentNames()...)
	if s.redis != nil {
		err = errors.Join(err, s.redis.stop())
	}
	if s.postgres != nil {
		err = errors.Join(err, s.postgres.Stop())
	}
	s.stopGuard()
	return err
}

func (s *System) startPostgres(ctx context.Context) (string, error) {
	options := pgserver.Options{URL: s.opts.DatabaseURL, Logger: slog.New(slog.NewJSONHandler(s.opts.Log, nil)), Ended: func(err error) {
		select {
		case s.failed <- err:
		default: // the first failures say enough
		}
	}}
	if s.opts.Dir != "" {
		options.Dir = filepath.Join(s.opts.Dir, "postgres")
	}
	var err error
	if s.postgres, err = pgserver.Start(ctx, options); err != nil {
		return "", err
	}
	for _, name := range subgraphs.Names() {
		if s.databases[name], err = s.postgres.Database(ctx, "souk_"+name); err != nil {
			return "", err
		}
	}
	return s.postgres.Address(), nil
}

func (s *System) startRedis(ctx context.Context) (string, error) {
	var err error
	if s.redis, err = startRedis(ctx, s.opts.RedisURL); err != nil {
		return "", err
	}
	return s.redis.description, nil
}

// reserve gives each part an address: ports in a row from that of
// Options.Listen, or free ones when that is 0. It fails when a port is taken.
// Each is held until its part is started, so that nobody else can take it.
func (s *System) reserve(ctx context.Context) error {
	names := s.componentNames()
	host, portText, err := net.SplitHostPort(s.opts.Listen)
	if err != nil {
		return fmt.Errorf("%q is not an address to listen on; give one like :8080 or 127.0.0.1:8080", s.opts.Listen)
	}
	port, err := strconv.Atoi(portText)
	if err != nil || port < 0 || port+len(names) > 65535 {
		return fmt.Errorf("%q is not a port to listen on; give a number below %d", portText, 65535-len(names))
	}
	s.addresses, s.held = make(map[string]string, len(names)), make(map[string]net.Listener, len(names))
	for i, name := range names {
		// Only the router is for others than this machine.
		listenHost := "127.0.0.1"
		if name == routerName {
			listenHost = host
		}
		var l net.Listener
		if port == 0 {
			if l, err = loopback.Listen(ctx, listenHost); err != nil {
				return err
			}
		} else if l, err = new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(listenHost, strconv.Itoa(port+i))); err != nil {
			return fmt.Errorf("port %d, for the %s, is taken: stop what uses it, or choose others with --listen %s", port+i, name, s.otherAddress(host))
		}
		s.held[name] = l
		s.addresses[name] = net.JoinHostPort(listenHost, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return nil
}

// otherAddress is an address to listen on instead of one that is taken: another
// port of the same host.
func (s *System) otherAddress(host string) string {
	if host == "" {
		host = "localhost"
	}
	return net.JoinHostPort(host, "9080")
}

// exposed reports whether the router listens for other machines, too.
func (s *System) exposed() bool {
	host, _, err := net.SplitHostPort(s.opts.Listen)
	if err != nil || host == "localhost" {
		return false
	}
	ip := net.ParseIP(host)
	return ip == nil || !ip.IsLoopback()
}

// hosts are the names that the parts answer to.
func (s *System) hosts() hosts { return newHosts(s.opts.Listen, s.opts.AllowHosts) }

// release gives up the hold on the addresses of parts that are to be started.
func (s *System) release(names ...string) {
	for _, name := range names {
		if l := s.held[name]; l != nil {
			_ = l.Close() // nothing was written to it
			delete(s.held, name)
		}
	}
}
