package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"souk/dev"
)

// A testRun is a temporary store and the load on it.
type testRun struct {
	k6              string    // path of the program
	top             string    // the root of the repository
	results         string    // the directory for results and logs
	auth            string    // as in dev.Options; default: tutorial
	out             io.Writer // receives the report
	skipGracePeriod bool      // as in auditor
	from            string    // the Git revision to upgrade from; empty: none

	dir   string // the store's data
	log   *os.File
	redis *redisProcess
	store *dev.System

	upgrade *upgrade // nil without one
}

// startRun starts the store.
func startRun(ctx context.Context, t testRun) (*testRun, error) {
	if err := t.start(ctx); err != nil {
		return nil, errors.Join(err, t.stop())
	}
	fmt.Fprintln(t.out, "The store is running at", t.store.URL("router"), "with", t.redis)
	return &t, nil
}

func (t *testRun) start(ctx context.Context) (err error) {
	if err := os.MkdirAll(t.results, 0o755); err != nil {
		return fmt.Errorf("creating the directory for results: %w", err)
	}
	if t.log, err = os.Create(filepath.Join(t.results, "souk.log")); err != nil {
		return fmt.Errorf("creating the log file: %w", err)
	}
	if t.dir, err = os.MkdirTemp("", "souk-load-"); err != nil {
		return fmt.Errorf("creating a directory for data: %w", err)
	}
	// If this user is root, Postgres runs as another one.
	if err := os.Chmod(t.dir, 0o755); err != nil {
		return fmt.Errorf("creating a directory for data: %w", err)
	}
	if t.redis, err = startRedis(ctx, t.dir); err != nil {
		return err
	}
	if t.auth == "" {
		t.auth = "tutorial"
	}
	options := dev.Options{
		Listen: "127.0.0.1:0", Dir: t.dir, RedisURL: t.redis.url(), AuthMode: t.auth, Log: t.log, LogLevel: "warn",
	}
	if t.from != "" {
		if t.upgrade, err = t.prepareUpgrade(ctx, t.from); err != nil {
			return err
		}
		options.Services = t.upgrade.start
	}
	t.store, err = dev.Start(ctx, options)
	return err
}

// stop stops the store and removes its data.
func (t *testRun) stop() error {
	var err error
	if t.upgrade != nil {
		err = t.upgrade.old.stop()
	}
	if t.store != nil {
		err = errors.Join(err, t.store.Stop())
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

// runLoad runs the mixed script.
func (t *testRun) runLoad(ctx context.Context, duration string) error {
	before, err := readCache(ctx, t.store)
	if err != nil {
		return err
	}
	loadErr := t.runScript(ctx, "mixed", []string{"DURATION=" + duration})
	after, err := readCache(ctx, t.store)
	fmt.Fprintf(t.out, "  entity cache hit rate    %s\n", after.since(before))
	return errors.Join(loadErr, err)
}

// runChaos runs the mixed script while parts of the store are killed, and
// audits the store afterwards.
func (t *testRun) runChaos(ctx context.Context, parts []string, p pace, duration string) (err error) {
	outages, stop, err := t.outages(ctx, parts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	auditor, err := newAuditor(ctx, t.store)
	if err != nil {
		return err
	}
	defer auditor.close()
	auditor.skipGracePeriod = t.skipGracePeriod
	before, err := readCache(ctx, t.store)
	if err != nil {
		return err
	}
	loaded := make(chan error, 1)
	go func() {
		loaded <- t.runScript(ctx, "mixed", []string{"CHAOS=1", "JOURNAL=1", "DURATION=" + duration})
	}()
	if err := outages.run(ctx, t.out, p); err != nil {
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
	accepted, err := readJournal(t.journalPath())
	if err != nil {
		return err
	}
	return auditor.audit(ctx, t.out, accepted)
}
