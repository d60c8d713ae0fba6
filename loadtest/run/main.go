package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9/logging"

	"souk/dev"
)

// results is where the figures are written.
const results = "loadtest/results"

// The store takes ports in a row from one of these on: below those that systems
// give to outgoing connections, of which a load makes many.
const firstPort, ports = 20_000, 10_000

func main() {
	chaos := flag.Bool("chaos", false, "kill and restart every part meanwhile, and audit the store afterwards")
	flag.Parse()
	logging.Disable() // go-redis writes a line for every dial that an outage fails
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, *chaos)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, chaos bool) (err error) {
	if err := os.MkdirAll(results, 0o755); err != nil {
		return fmt.Errorf("making the directory for results: %w", err)
	}
	k6, err := findK6(ctx, out)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "souk-load-")
	if err != nil {
		return fmt.Errorf("making a directory for data: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// Postgres runs as another user where this one is root.
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("making a directory for data: %w", err)
	}
	redis, err := startRedis(ctx, dir)
	if err != nil {
		return err
	}
	defer redis.kill()
	log, err := os.Create(filepath.Join(results, "souk.log"))
	if err != nil {
		return fmt.Errorf("making the log: %w", err)
	}
	defer log.Close()
	store, err := dev.Start(ctx, dev.Options{
		Listen: "127.0.0.1:" + strconv.Itoa(firstPort+rand.N(ports)), Dir: dir, RedisURL: redis.url(), AuthMode: "tutorial", Log: log, LogLevel: "warn",
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Stop()) }()
	fmt.Fprintln(out, "The store runs at", store.URL("router"), "with", redis)
	if chaos {
		return underChaos(ctx, out, k6, store, redis, dir)
	}
	return underLoad(ctx, out, k6, store)
}

func underLoad(ctx context.Context, out io.Writer, k6 string, store *dev.System) error {
	before, err := readCache(ctx, store)
	if err != nil {
		return err
	}
	loadErr := runK6(ctx, out, k6, store, "DURATION="+duration("30s"))
	after, err := readCache(ctx, store)
	fmt.Fprintln(out, " ", after.since(before))
	return errors.Join(loadErr, err)
}

// duration is how long the peak lasts.
func duration(usual string) string { return cmp.Or(os.Getenv("DURATION"), usual) }

func underChaos(ctx context.Context, out io.Writer, k6 string, store *dev.System, redis *redisProcess, dir string) error {
	outages, stop, err := newOutages(ctx, store, redis, dir)
	if err != nil {
		return err
	}
	defer stop()
	auditor, err := newAuditor(ctx, store)
	if err != nil {
		return err
	}
	defer auditor.close()
	loaded := make(chan error, 1)
	go func() {
		loaded <- runK6(ctx, out, k6, store, "CHAOS=1", "JOURNAL=1", "DURATION="+duration("70s"))
	}()
	if err := outages.run(ctx, out, loadBegins); err != nil {
		return errors.Join(err, <-loaded)
	}
	if err := <-loaded; err != nil {
		return err
	}
	accepted, err := readJournal(journalFile())
	if err != nil {
		return err
	}
	return auditor.audit(ctx, out, accepted)
}

// loadBegins is when the first part is killed.
const loadBegins = 8 * time.Second
