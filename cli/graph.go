package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"souk/dev/loop"
	"souk/internal/hostcheck"
	"souk/internal/loopback"
	"souk/internal/memory"
	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// graphFlags are the flags of `souk dev --config`.
type graphFlags struct {
	config, routerConfig string
	listen               string // empty for the address of the router's configuration
	logLevel, logFile    string
	allowHosts           []string
	poll                 time.Duration
	mock                 []string // names of subgraphs
	mockSeed             uint64
}

// The bounds of --poll.
const (
	minPoll = 100 * time.Millisecond
	maxPoll = time.Hour
)

// runGraph composes and serves the graph of a supergraph.yaml, until ctx is done.
func runGraph(ctx context.Context, out, stderr io.Writer, f graphFlags, p *program) error {
	if f.poll < minPoll || f.poll > maxPoll {
		return unmade(fmt.Errorf("--poll is %v; it must be from %v to %v", f.poll, minPoll, maxPoll))
	}
	g := &graph{flags: routerFlags{config: f.routerConfig, listen: f.listen, mocked: f.mock, dev: true}, out: out, failed: make(chan error, 1), version: p.version}
	loaded, err := g.flags.fingerprint(ctx)
	if err != nil {
		return fmt.Errorf("reading the router's configuration: %w", err)
	}
	g.loaded = loaded
	if g.config, g.source, err = g.flags.settings(ctx); err != nil {
		return err
	}
	if err := g.chooseAddresses(ctx); err != nil {
		return err
	}
	writer := stderr
	if f.logFile != "" {
		log, err := openLog("", f.logFile)
		if err != nil {
			return err
		}
		defer log.Close()
		writer = log
	}
	tel, err := telemetry.Setup(ctx, telemetry.Options{
		ServiceName: g.config.Telemetry.ServiceName, ServiceVersion: p.version, LogLevel: f.logLevel, LogFormat: "text", Writer: writer,
	})
	if err != nil {
		return fmt.Errorf("setting up telemetry: %w", err)
	}
	telemetry.RedirectStandardLog(tel.Logger)
	g.telemetry = tel
	if g.extensions, err = p.extensions(); err != nil {
		return fmt.Errorf("starting the router's extensions: %w", err)
	}
	check := func(next http.Handler) http.Handler {
		return hostcheck.New(g.config.Listen, f.allowHosts...).Middleware(next, "Use localhost, or start souk dev with --allow-host and this name.")
	}
	g.extensions.Middleware = append([]func(http.Handler) http.Handler{check}, g.extensions.Middleware...)
	g.extensions.AdminMiddleware = append([]func(http.Handler) http.Handler{check}, g.extensions.AdminMiddleware...)
	err = g.run(ctx, f)
	limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, tel.Shutdown(limit))
}

// A graph is a router for a graph that changes.
type graph struct {
	flags      routerFlags
	config     config.Config
	source     *config.Source
	loaded     [32]byte // of the router's configuration
	version    string
	telemetry  *telemetry.Telemetry
	extensions router.Extensions
	out        io.Writer
	router     *router.Reloadable // nil until the first supergraph
	failed     chan error
	serving    sync.WaitGroup
}

// run runs the loop, and the router once there is a supergraph.
func (g *graph) run(ctx context.Context, f graphFlags) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var stopped sync.WaitGroup
	stopped.Go(func() {
		select {
		case <-ctx.Done():
		case err := <-g.failed:
			cancel(err)
		}
	})
	mocked, err := startMocks(ctx, f.mock, f.mockSeed)
	if err != nil {
		return err
	}
	defer mocked.close()
	err = loop.Run(ctx, loop.Options{
		Config: f.config, Lookup: os.LookupEnv, Client: http.DefaultClient, Poll: f.poll, After: time.After, Now: time.Now,
		Mocked: f.mock, MockURL: mocked.url, Mock: mocked.set, Serve: g.serve, Out: g.out,
	})
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	cancel(nil)
	stopped.Wait()
	g.serving.Wait()
	if g.router == nil {
		return mockError(f.config, f.mock, err)
	}
	return errors.Join(err, g.router.Close())
}

// serve serves a supergraph in place of the one before.
func (g *graph) serve(ctx context.Context, sdl string) error {
	if g.router != nil {
		return g.router.SetSupergraph(sdl)
	}
	guard, stop := memory.Protect(ctx, g.telemetry.Logger, memory.Edge)
	listening := make(chan struct{})
	r, err := router.NewReloadable(ctx, g.config, router.Options{
		Supergraph: sdl, Telemetry: g.telemetry, Version: g.version, Source: g.source, Extensions: g.extensions, Guard: guard,
		Listening: func() { close(listening) },
	})
	if err != nil {
		stop()
		return err
	}
	g.router = r
	g.serving.Go(func() {
		defer stop()
		if err := r.Serve(ctx); err != nil {
			g.failed <- err
		}
	})
	if g.flags.config != "" {
		g.serving.Go(func() {
			g.flags.follow(ctx, r, g.loaded, g.config.Supergraph.PollInterval, g.telemetry.Logger, func() {
				fmt.Fprintln(g.out, "The router's configuration was loaded again.") // its log is quiet
			})
		})
	}
	select {
	case <-listening:
		g.welcome()
		return nil
	case <-ctx.Done(): // because an address is in use, for example
		return context.Cause(ctx)
	}
}

// chooseAddresses replaces ports that the user did not choose, or chose as 0, by free ones.
func (g *graph) chooseAddresses(ctx context.Context) error {
	host, port, err := net.SplitHostPort(g.config.Listen)
	if err != nil {
		return fmt.Errorf("listen is %q; it must be host:port: %w", g.config.Listen, err)
	}
	if port == "0" {
		if g.config.Listen, err = loopback.Address(ctx, host); err != nil {
			return err
		}
		g.flags.listen = g.config.Listen
	}
	if given := g.source.Given("admin.listen") || g.source.Overridden("admin.listen"); given || g.config.Admin.Listen == "" {
		return nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", g.config.Admin.Listen)
	if err == nil {
		return l.Close()
	}
	g.config.Admin.Listen, err = loopback.Address(ctx, loopback.Host)
	g.flags.admin = g.config.Admin.Listen
	return err
}

// welcome writes where everything is.
func (g *graph) welcome() {
	host, port, _ := net.SplitHostPort(g.config.Listen) // it was checked
	if host == "" {
		host = "localhost"
	}
	url := "http://" + net.JoinHostPort(host, port)
	fmt.Fprintf(g.out, "\nThe graph is served. Open\n\n  %s%s   the playground\n", url, g.config.Playground.Path)
	if g.config.Admin.Listen != "" {
		fmt.Fprintf(g.out, "  http://%s/console/     the console: the graph, query plans and traffic\n", g.config.Admin.Listen)
	}
	fmt.Fprintf(g.out, "\nor send operations to %s%s. Press Ctrl-C to stop.\n\n", url, g.config.Endpoint().Path())
}

// onlyFor refuses flags that have no meaning in a mode.
func onlyFor(changed func(string) bool, mode string, names ...string) error {
	wrong := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !changed(name) })
	if len(wrong) == 0 {
		return nil
	}
	return unmade(fmt.Errorf("--%s cannot be used %s", strings.Join(wrong, " and --"), mode))
}
