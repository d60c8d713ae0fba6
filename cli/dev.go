package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"souk/dev"
	"souk/telemetry"
)

const devHelp = `Run a graph on this machine while you change it.

With --config, compose the subgraphs that a supergraph.yaml lists and serve them,
with the playground and the console. When a file, the schema of a running subgraph
or supergraph.yaml changes, the graph is composed again. If it does not compose, the
error is printed with its place, and the router keeps the last graph.

Without --config, run the store of this repository, with sample data.`

func newDev(p *program) *cobra.Command {
	opts := dev.Options{}
	graph := graphFlags{}
	logFile := ""
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a graph on this machine while you change it, or the whole store",
		Long:  devHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			changed := cmd.Flags().Changed
			if changed("listen") {
				if err := checkListen(opts.Listen); err != nil {
					return unmade(err)
				}
			}
			if graph.config != "" {
				if err := onlyFor(changed, "with --config", "dir", "auth", "ship-after", "deliver-after"); err != nil {
					return err
				}
				if changed("listen") {
					graph.listen = opts.Listen
				}
				graph.logLevel, graph.logFile, graph.allowHosts = "warn", logFile, opts.AllowHosts
				if changed("log-level") {
					graph.logLevel = strings.ToLower(opts.LogLevel)
				}
				if err := oneOf("log-level", graph.logLevel, "debug", "info", "warn", "error"); err != nil {
					return err
				}
				return runGraph(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), graph, p)
			}
			if err := onlyFor(changed, "without --config", "router-config", "poll", "mock", "mock-seed"); err != nil {
				return err
			}
			// The services would refuse these values in terms of their environment,
			// and only when Postgres has started.
			if err := oneOf("auth", opts.AuthMode, "tutorial", "enforced"); err != nil {
				return err
			}
			if err := oneOf("log-level", strings.ToLower(opts.LogLevel), "debug", "info", "warn", "error"); err != nil {
				return err
			}
			if opts.ShipAfter < 0 || opts.DeliverAfter < 0 {
				return unmade(errors.New("--ship-after and --deliver-after must not be negative; 0 means never"))
			}
			opts.DatabaseURL, opts.RedisURL = os.Getenv("DATABASE_URL"), os.Getenv("REDIS_URL")
			opts.Progress = cmd.OutOrStdout()
			var err error
			if opts.Extensions, err = p.extensions(); err != nil {
				return fmt.Errorf("starting the router's extensions: %w", err)
			}
			return runDev(cmd.Context(), cmd.OutOrStdout(), opts, logFile)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.Listen, "listen", "localhost:8080", "the router's listen address, or a free port if the port is 0; the services of the store use the following ports; with --config, the default is localhost:4000")
	flags.StringSliceVar(&opts.AllowHosts, "allow-host", nil, "an additional host name to serve, besides localhost and IP addresses; can be repeated")
	flags.StringVar(&opts.Dir, "dir", ".souk", "the directory that keeps the data of the store between starts")
	flags.StringVar(&opts.AuthMode, "auth", "tutorial", "tutorial: requests without a token have all rights; enforced: they have public rights only")
	flags.DurationVar(&opts.ShipAfter, "ship-after", 30*time.Minute, "how long after an order was placed a simulated carrier ships it; 0: never")
	flags.DurationVar(&opts.DeliverAfter, "deliver-after", 30*time.Minute, "how long after that it delivers the order; 0: never")
	flags.StringVar(&opts.LogLevel, "log-level", "info", "the lowest level to log: debug, info, warn or error")
	flags.StringVar(&logFile, "log", "", "the log file of all parts (default: souk.log in --dir; with --config, standard error)")
	flags.StringVar(&graph.config, "config", "", "the file that lists the subgraphs of your graph, such as supergraph.yaml; without it, the store runs")
	flags.StringVar(&graph.routerConfig, "router-config", "", "with --config: the configuration file of the router")
	flags.DurationVar(&graph.poll, "poll", time.Second, "with --config: how often running subgraphs are asked for their schema, from 100ms to 1h")
	flags.StringSliceVar(&graph.mock, "mock", nil, "with --config: a subgraph that is not called but mocked, from its schema; can be repeated")
	flags.Uint64Var(&graph.mockSeed, "mock-seed", 1, "with --mock: another seed gives other data")
	return cmd
}

// oneOf checks the value of a flag that has a list of values.
func oneOf(flag, value string, values ...string) error {
	if slices.Contains(values, value) {
		return nil
	}
	return unmade(fmt.Errorf("--%s is %q; it must be one of %s", flag, value, strings.Join(values, ", ")))
}

func runDev(ctx context.Context, out io.Writer, opts dev.Options, logFile string) (err error) {
	log, err := openLog(opts.Dir, logFile)
	if err != nil {
		return err
	}
	defer log.Close()
	opts.Log = log
	telemetry.RedirectStandardLog(slog.New(slog.NewJSONHandler(log, nil)))
	fmt.Fprintln(out, "Starting Souk. Log file:", log.Name())
	system, err := dev.Start(ctx, opts)
	if ctx.Err() != nil { // stopped while starting: nothing failed
		if system != nil {
			return system.Stop()
		}
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	system.Welcome(out)
	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "\nStopping Souk. Press Ctrl-C again to stop at once.")
	case err = <-system.Failed():
	}
	if stopErr := system.Stop(); err == nil {
		err = stopErr
	}
	return err
}

func openLog(dir, file string) (*os.File, error) {
	if file == "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("creating the directory for data and log: %w; name a directory that you can write to with --dir", err)
		}
		file = dir + "/souk.log"
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the log file: %w; name a directory that you can write to with --dir, or a file with --log", err)
	}
	return f, nil
}
