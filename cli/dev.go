package cli

import (
	"context"
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

func newDev(p *program) *cobra.Command {
	opts := dev.Options{}
	logFile := ""
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run the whole store on this machine, with sample data",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// The services would refuse these values in terms of their environment,
			// and only when Postgres has started.
			if err := oneOf("auth", opts.AuthMode, "tutorial", "enforced"); err != nil {
				return err
			}
			if err := oneOf("log-level", strings.ToLower(opts.LogLevel), "debug", "info", "warn", "error"); err != nil {
				return err
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
	flags.StringVar(&opts.Listen, "listen", "localhost:8080", "the router's listen address; the services use the following ports, or free ports if the port is 0")
	flags.StringSliceVar(&opts.AllowHosts, "allow-host", nil, "an additional host name to serve, besides localhost and IP addresses; can be repeated")
	flags.StringVar(&opts.Dir, "dir", ".souk", "the directory that keeps the data between starts")
	flags.StringVar(&opts.AuthMode, "auth", "tutorial", "tutorial: requests without a token have all rights; enforced: they have public rights only")
	flags.DurationVar(&opts.ShipAfter, "ship-after", 30*time.Minute, "how long after an order was placed a simulated carrier ships it; 0: never")
	flags.DurationVar(&opts.DeliverAfter, "deliver-after", 30*time.Minute, "how long after that it delivers the order; 0: never")
	flags.StringVar(&opts.LogLevel, "log-level", "info", "the lowest level to log: debug, info, warn or error")
	flags.StringVar(&logFile, "log", "", "the log file of all parts (default: souk.log in --dir)")
	return cmd
}

// oneOf checks the value of a flag that has a list of values.
func oneOf(flag, value string, values ...string) error {
	if slices.Contains(values, value) {
		return nil
	}
	return fmt.Errorf("--%s is %q; it must be one of %s", flag, value, strings.Join(values, ", "))
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
			return nil, fmt.Errorf("creating the directory for data and log: %w", err)
		}
		file = dir + "/souk.log"
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the log file: %w", err)
	}
	return f, nil
}
