package dev

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"souk/internal/hostcheck"
	"souk/internal/loopback"
	"souk/internal/memory"
	"souk/internal/pgserver"
	"souk/router"
	"souk/router/gateway/config"
	"souk/subgraphs"
)

// Options configure a System.
type Options struct {
	// Listen is the router's address. The services, the inbox and the router's
	// admin endpoints listen on the following ports. With port 0, each uses a
	// free port.
	Listen string
	// AllowHosts are additional names that the Host header of a request may
	// have, besides localhost, IP addresses and the host of Listen. Other
	// requests are rejected; see package hostcheck.
	AllowHosts []string
	// Dir is the directory that keeps the data between starts. If empty, the
	// data is temporary.
	Dir string
	// DatabaseURL is the URL of a running Postgres to use instead of starting
	// one.
	DatabaseURL string
	// RedisURL is the URL of a running Redis to use instead of one in this
	// process.
	RedisURL string
	// AuthMode is "tutorial" (requests without a token have all rights) or
	// "enforced".
	AuthMode string
	// Progress receives a line for each started part; nil for none.
	Progress io.Writer
	// Log receives the JSON logs of all parts; nil for none.
	Log io.Writer
	// LogLevel is debug, info, warn or error. The default is info.
	LogLevel string
	// ShipAfter is how long after an order was placed a simulated carrier ships
	// it, and DeliverAfter how long after that it delivers it. Orders from
	// before the start count as placed or shipped at the start. With 0, the
	// carrier does not ship or deliver.
	ShipAfter    time.Duration
	DeliverAfter time.Duration
	// Services starts the services with System.Variables at System.Address, for
	// example in processes of their own. If it is nil, they run in this process
	// and their databases get sample data.
	Services func(context.Context, *System) error
	// Router changes the configuration of the router; it may be nil. If it sets
	// supergraph.file, the router reads that file.
	Router func(*config.Config)
	// Extensions are the extensions of the router.
	Extensions router.Extensions
}

// A System is a running store.
type System struct {
	opts      Options
	addresses map[string]string
	// held keeps the given ports of parts that are not started yet.
	held map[string]net.Listener
	// unreserve ends the reservation of free ports.
	unreserve context.CancelFunc
	databases map[string]string
	postgres  *pgserver.Server
	redis     *redisServer
	inbox     *component
	payment   *component
	carrier   *component
	services  map[string]*component
	router    *component
	token     string // with which services authenticate to each other
	// eventsToken protects the endpoints of the services for the console.
	eventsToken string
	failed      chan error
	// guard watches the memory of the process.
	guard     *memory.Guard
	stopGuard func()
}

// Start starts the store and returns when it is ready. The context bounds the
// start only; Stop stops the system.
func Start(ctx context.Context, opts Options) (*System, error) {
	if opts.Log == nil {
		opts.Log = io.Discard
	}
	s := &System{opts: opts, token: rand.Text(), eventsToken: rand.Text(), services: map[string]*component{}, databases: map[string]string{}, failed: make(chan error, 16)}
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
	if err := report.step("inbox", func() (string, error) { return s.URL(inboxName), s.StartInbox(ctx) }); err != nil {
		return err
	}
	if err := report.step(paymentName, func() (string, error) { return s.URL(paymentName), s.StartPayment(ctx) }); err != nil {
		return err
	}
	if err := s.startServices(ctx, report); err != nil {
		return err
	}
	s.startCarrier(ctx)
	return report.step("router", func() (string, error) { return s.startRouter(ctx) })
}

const (
	routerName  = "router"
	adminName   = "admin"
	inboxName   = "inbox"
	smtpName    = "smtp"
	paymentName = subgraphs.PaymentDatabase
)

// componentNames returns the names of everything that listens, in order of
// their ports.
func (s *System) componentNames() []string {
	return slices.Concat([]string{routerName}, subgraphs.Names(), []string{inboxName, adminName, smtpName, paymentName})
}

// URL returns the base URL of the router, a service, the "inbox", the "payment"
// provider or the "admin" endpoints.
func (s *System) URL(name string) string {
	if address := s.addresses[name]; !strings.HasPrefix(address, ":") {
		return "http://" + address
	}
	return "http://localhost" + s.addresses[name] // it listens on all interfaces
}

// Address returns the address of a part that URL accepts.
func (s *System) Address(name string) string { return s.addresses[name] }

// Failed returns a channel with the error of a part that ended without being
// stopped.
func (s *System) Failed() <-chan error { return s.failed }

// Stop stops the router, then the services, then Redis and Postgres, each
// after the work in progress.
func (s *System) Stop() error {
	err := errors.Join(s.StopRouter(), s.carrier.stop())
	for _, name := range slices.Backward(subgraphs.Names()) {
		err = errors.Join(err, s.StopService(name))
	}
	err = errors.Join(err, s.inbox.stop(), s.StopPayment())
	s.release(s.componentNames()...)
	if s.unreserve != nil {
		s.unreserve()
	}
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
		default: // enough failures are reported
		}
	}}
	if s.opts.Dir != "" {
		options.Dir = filepath.Join(s.opts.Dir, "postgres")
	}
	var err error
	if s.postgres, err = pgserver.Start(ctx, options); err != nil {
		return "", err
	}
	for _, name := range DatabaseNames() {
		if s.databases[name], err = s.postgres.Database(ctx, databaseName(name)); err != nil {
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

// reserve assigns an address to each part: consecutive ports from that of
// Options.Listen, or free ports if that is 0. It fails if a port is in use.
// No other process can take a given port until its part starts, and a free port
// until the system stops.
func (s *System) reserve(ctx context.Context) error {
	names := s.componentNames()
	host, portText, err := net.SplitHostPort(s.opts.Listen)
	if err != nil || portText == "" {
		return fmt.Errorf("--listen is %q; it must be host:port, such as :8080 or 127.0.0.1:8080", s.opts.Listen)
	}
	port, err := strconv.Atoi(portText)
	if err != nil || port < 0 || port > 65535 {
		return fmt.Errorf("--listen is %q; the port must be a number from 0 to 65535", s.opts.Listen)
	}
	if last := 65535 - (len(names) - 1); port > last {
		return fmt.Errorf("--listen is %q; the port must be at most %d, because the services use the %d ports after it", s.opts.Listen, last, len(names)-1)
	}
	s.addresses, s.held = make(map[string]string, len(names)), make(map[string]net.Listener, len(names))
	reserved, unreserve := context.WithCancel(context.WithoutCancel(ctx)) // parts start again later
	s.unreserve = unreserve
	for i, name := range names {
		// Only the router may be reachable from other machines.
		listenHost := "127.0.0.1"
		if name == routerName {
			listenHost = host
		}
		if port == 0 {
			if s.addresses[name], err = loopback.Address(reserved, listenHost); err != nil {
				return err
			}
			continue
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(listenHost, strconv.Itoa(port+i)))
		if err != nil {
			return fmt.Errorf("port %d (%s) is in use; stop the program that uses it, or choose other ports with --listen %s", port+i, name, s.otherAddress(host))
		}
		s.held[name] = l
		s.addresses[name] = net.JoinHostPort(listenHost, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return nil
}

// otherAddress suggests another listen address: a different port on the same
// host.
func (s *System) otherAddress(host string) string {
	if host == "" {
		host = "localhost"
	}
	return net.JoinHostPort(host, "9080")
}

// exposed reports whether other machines can reach the router.
func (s *System) exposed() bool {
	host, _, err := net.SplitHostPort(s.opts.Listen)
	if err != nil || host == "localhost" {
		return false
	}
	ip := net.ParseIP(host)
	return ip == nil || !ip.IsLoopback()
}

// checkHost protects the parts against DNS rebinding.
func (s *System) checkHost(next http.Handler) http.Handler {
	return hostcheck.New(s.opts.Listen, s.opts.AllowHosts...).Middleware(next, "Use localhost, or start souk dev with --allow-host and this name.")
}

// release frees the given ports of parts that are about to start.
func (s *System) release(names ...string) {
	for _, name := range names {
		if l := s.held[name]; l != nil {
			_ = l.Close() // nothing was written to it
			delete(s.held, name)
		}
	}
}
