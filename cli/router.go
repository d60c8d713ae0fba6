package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"souk/internal/blocking"
	"souk/internal/memory"
	"souk/router"
	"souk/router/compose"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// routerFlags has the flags of the command. They take precedence over environment variables
// and the configuration file.
type routerFlags struct {
	config, supergraph, listen, routes string
	admin                              string   // address of the admin port; set by souk dev
	subgraphs                          []string // name=url
	mocked                             []string // subgraphs whose URLs are not overridden; set by souk dev
	noDedupe, dev                      bool

	canary        string
	canaryPercent float64
	shadow        bool
}

func newRouter(p *program) *cobra.Command {
	var f routerFlags
	cmd := &cobra.Command{
		Use:   "router",
		Short: "Run the gateway, for any Federation supergraph",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			running, err := f.check()
			if err != nil {
				return unmade(err)
			}
			return runRouter(cmd.Context(), f, running, cmd.ErrOrStderr(), p)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.config, "config", "c", "", "the configuration file (YAML)")
	flags.StringVarP(&f.supergraph, "supergraph", "s", "", "the file that contains the supergraph SDL")
	flags.StringArrayVar(&f.subgraphs, "subgraph", nil, "a running subgraph as name=url, instead of a supergraph; can be repeated. Their schemas are fetched and composed at the start")
	exclusive(cmd, "supergraph", "subgraph")
	flags.StringVar(&f.listen, "listen", "", "the address to listen on")
	flags.StringVar(&f.canary, "canary", "", "the file with the SDL of a second supergraph, for a share of the requests")
	flags.Float64Var(&f.canaryPercent, "canary-percent", 0, "the share of the requests for the canary, in percent")
	flags.BoolVar(&f.shadow, "shadow", false, "send the canary copies of queries, and compare the responses")
	flags.StringVar(&f.routes, "routes", "", "the directory with the GraphQL documents of the REST routes")
	flags.BoolVar(&f.noDedupe, "no-dedupe", false, "do not share responses between identical queries in flight")
	flags.BoolVar(&f.dev, "dev", false, "development mode: show subgraph errors, serve the playground, add statistics to responses")
	return cmd
}

// settings returns the configuration from the file, the environment and the flags, each
// overriding the one before. The source has the positions of keys in the file.
func (f routerFlags) settings(ctx context.Context) (config.Config, *config.Source, error) {
	c, source := config.Default(), new(config.Source)
	if f.config != "" {
		type file struct {
			config config.Config
			source *config.Source
		}
		read, err := blocking.Call(ctx, func() (file, error) {
			c, source, err := config.Read(f.config, os.LookupEnv)
			return file{c, source}, err
		})
		source = cmp.Or(read.source, source) // there is none if ctx ends
		if err != nil {
			return config.Config{}, source, withPeers(f.config, err)
		}
		c = read.config
	}
	if err := c.ApplyEnvironment(os.LookupEnv, source); err != nil {
		return c, source, fmt.Errorf("reading the environment: %w", err)
	}
	if f.supergraph != "" {
		c.Supergraph.File, c.Supergraph.Remote.URL = f.supergraph, ""
		source.Override("supergraph.file", "--supergraph")
	}
	if f.listen != "" {
		c.Listen = f.listen
		source.Override("listen", "--listen")
	}
	f.setCanary(&c, source)
	for _, name := range f.mocked {
		delete(c.OverrideSubgraphURLs, name)
	}
	if f.admin != "" {
		c.Admin.Listen = f.admin
	}
	if f.noDedupe {
		no := false
		c.TrafficShaping.All.DeduplicateQuery = &no
		c.TrafficShaping.Router.Deduplicate = &no
	}
	c.Dev = c.Dev || f.dev
	if err := c.Check(source); err != nil {
		return c, source, err
	}
	return c, source, c.CheckFiles(source)
}

// setCanary applies the flags of the canary.
func (f routerFlags) setCanary(c *config.Config, source *config.Source) {
	if f.canary != "" {
		c.Canary.Supergraph, c.Canary.Remote.URL = f.canary, ""
		source.Override("canary.supergraph", "--canary")
	}
	if f.canaryPercent != 0 {
		c.Canary.Percent = f.canaryPercent
		source.Override("canary.percent", "--canary-percent")
	}
	if f.shadow {
		c.Canary.Mode = "shadow"
		source.Override("canary.mode", "--shadow")
	}
}

// check reports flags that are wrong, and returns the running subgraphs that they name.
func (f routerFlags) check() (*compose.Config, error) {
	if err := checkListen(f.listen); err != nil {
		return nil, err
	}
	if f.routes != "" {
		if info, err := os.Stat(f.routes); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("--routes is %q; it must be a directory with GraphQL documents", f.routes)
		}
	}
	if len(f.subgraphs) == 0 {
		return nil, nil
	}
	return runningSubgraphs(f.subgraphs)
}

// checkListen checks the flag --listen; it may be empty.
func checkListen(address string) error {
	if address == "" {
		return nil
	}
	c, source := config.Default(), new(config.Source)
	c.Listen = address
	source.Override("listen", "--listen")
	return c.Check(source)
}

// runRouter runs the router, with the running subgraphs if they are not nil.
func runRouter(ctx context.Context, f routerFlags, running *compose.Config, stderr io.Writer, p *program) error {
	loaded, err := f.fingerprint(ctx)
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	c, source, err := f.settings(ctx)
	if err != nil {
		return err
	}
	tel, err := telemetry.Setup(ctx, telemetry.Options{
		ServiceName: c.Telemetry.ServiceName, ServiceVersion: p.version, LogLevel: c.Log.Level, LogFormat: c.Log.Format, Writer: stderr,
		WithoutTraces: !c.Telemetry.Traces, Buckets: c.Telemetry.BucketSeconds(),
	})
	if err != nil {
		return fmt.Errorf("setting up telemetry: %w", err)
	}
	telemetry.RedirectStandardLog(tel.Logger)
	var routes fs.FS
	if f.routes != "" {
		routes = os.DirFS(f.routes)
	}
	composed := ""
	if running != nil {
		if composed, err = composeRunning(ctx, running, stderr); err != nil {
			return err
		}
	}
	extensions, err := p.extensions()
	if err != nil {
		return fmt.Errorf("starting the router's extensions: %w", err)
	}
	err = f.serve(ctx, c, loaded, router.Options{Supergraph: composed, Routes: routes, Telemetry: tel, Version: p.version, Source: source, Extensions: extensions})
	limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, tel.Shutdown(limit))
}

// serve runs a router until ctx is done or the router fails.
func (f routerFlags) serve(ctx context.Context, c config.Config, loaded [sha256.Size]byte, o router.Options) error {
	var stop func()
	o.Guard, stop = memory.Protect(ctx, o.Telemetry.Logger, memory.Edge)
	defer stop()
	r, err := router.NewReloadable(ctx, c, o)
	if err != nil {
		return err
	}
	if c.Supergraph.HotReload {
		following, end := context.WithCancel(ctx)
		var ended sync.WaitGroup
		ended.Go(func() { f.follow(following, r, loaded, c.Supergraph.PollInterval, o.Telemetry.Logger, func() {}) })
		defer ended.Wait()
		defer end() // the router may fail before ctx is done
	}
	return errors.Join(r.Serve(ctx), r.Close())
}
