package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"souk/dev"
)

// A trial is a store of its own and the load it is put under.
type trial struct {
	k6      string    // the program
	top     string    // the repository's top directory
	results string    // where figures and logs are written
	auth    string    // as in dev.Options; tutorial when empty
	out     io.Writer // is told the figures
	hasty   bool      // as in auditor

	dir   string // the store's data
	log   *os.File
	redis *redisProcess
	store *dev.System
}

// begin starts the store.
func begin(ctx context.Context, t trial) (*trial, error) {
	if err := t.start(ctx); err != nil {
		return nil, errors.Join(err, t.end())
	}
	fmt.Fprintln(t.out, "The store runs at", t.store.URL("router"), "with", t.redis)
	return &t, nil
}

func (t *trial) start(ctx context.Context) (err error) {
	if err := os.MkdirAll(t.results, 0o755); err != nil {
		return fmt.Errorf("making the directory for results: %w", err)
	}
	if t.log, err = os.Create(filepath.Join(t.results, "souk.log")); err != nil {
		return fmt.Errorf("making the log: %w", err)
	}
	if t.dir, err = os.MkdirTemp("", "souk-load-"); err != nil {
		return fmt.Errorf("making a directory for data: %w", err)
	}
	// Postgres runs as another user where this one is root.
	if err := os.Chmod(t.dir, 0o755); err != nil {
		return fmt.Errorf("making a directory for data: %w", err)
	}
	if t.redis, err = startRedis(ctx, t.dir); err != nil {
		return err
	}
	if t.auth == "" {
		t.auth = "tutorial"
	}
	t.store, err = dev.Start(ctx, dev.Options{
		Listen: "127.0.0.1:0", Dir: t.dir, RedisURL: t.redis.url(), AuthMode: t.auth, Log: t.log, LogLevel: "warn",
	})
	return err
}

// end stops the store and removes its data.
func (t *trial) end() error {
	var err error
	if t.store != nil {
		err = t.store.Stop()
	}
	t.redis.kill()
	if t.dir != "" {
		err = errors.Join(err, os.RemoveAll(t.dir))
	}
	if t.log != nil {
		err = errors.Join(err, t.log.Close())
	}
	return err
}

// underLoad runs the mixed script.
func (t *trial) underLoad(ctx context.Context, duration string) error {
	before, err := readCache(ctx, t.store)
	if err != nil {
		return err
	}
	loadErr := t.load(ctx, "mixed", []string{"DURATION=" + duration})
	after, err := readCache(ctx, t.store)
	fmt.Fprintf(t.out, "  entity cache hit rate    %s\n", after.since(before))
	return errors.Join(loadErr, err)
}

// loadBegins is when the first part is killed.
const loadBegins = 8 * time.Second

// underChaos runs the mixed script while parts of the store are killed, and
// audits what is left.
func (t *trial) underChaos(ctx context.Context, parts []string, duration string) error {
	outages, stop, err := t.outages(ctx, parts)
	if err != nil {
		return err
	}
	defer stop()
	auditor, err := newAuditor(ctx, t.store)
	if err != nil {
		return err
	}
	defer auditor.close()
	auditor.hasty = t.hasty
	before, err := readCache(ctx, t.store)
	if err != nil {
		return err
	}
	loaded := make(chan error, 1)
	go func() {
		loaded <- t.load(ctx, "mixed", []string{"CHAOS=1", "JOURNAL=1", "DURATION=" + duration})
	}()
	if err := outages.run(ctx, t.out, loadBegins); err != nil {
		return errors.Join(err, <-loaded)
	}
	if err := <-loaded; err != nil {
		return err
	}
	after, err := readCache(ctx, t.store)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "  entity cache hit rate    %s\n", after.since(before))
	accepted, err := readJournal(t.journal())
	if err != nil {
		return err
	}
	return auditor.audit(ctx, t.out, accepted)
}
