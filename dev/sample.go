package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/internal/pgserver"
	"souk/subgraphs"
)

// DatabaseNames returns the names of the store's databases: one for each
// service, and that of the payment provider.
func DatabaseNames() []string { return append(subgraphs.Names(), subgraphs.PaymentDatabase) }

// SampleTarget says which databases Sample fills.
type SampleTarget struct {
	// Databases are the URLs of the databases by name. If empty, Sample fills
	// those that a System with the same Dir or DatabaseURL uses.
	Databases        map[string]string
	Dir, DatabaseURL string
}

// Sample fills the databases of a store that is not running with a generated
// shop.
func Sample(ctx context.Context, target SampleTarget, options subgraphs.SampleOptions) (err error) {
	urls := target.Databases
	if len(urls) == 0 {
		server, started := startServer(ctx, target)
		if started != nil {
			return started
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		urls = map[string]string{}
		for _, name := range DatabaseNames() {
			if urls[name], err = server.Database(ctx, databaseName(name)); err != nil {
				return err
			}
		}
	}
	databases := map[string]*pgxpool.Pool{}
	for _, name := range DatabaseNames() {
		db, err := pgxpool.New(ctx, urls[name])
		if err != nil {
			return fmt.Errorf("opening the database of %s: %w", name, err)
		}
		defer db.Close()
		databases[name] = db
	}
	return subgraphs.Sample(ctx, databases, options)
}

func startServer(ctx context.Context, target SampleTarget) (*pgserver.Server, error) {
	options := pgserver.Options{URL: target.DatabaseURL}
	if target.Dir != "" && target.DatabaseURL == "" {
		// The user that Postgres runs as must be able to enter it.
		if err := os.MkdirAll(target.Dir, 0o755); err != nil {
			return nil, fmt.Errorf("creating the directory for the data: %w", err)
		}
		options.Dir = filepath.Join(target.Dir, "postgres")
	}
	return pgserver.Start(ctx, options)
}

// databaseName returns the name of a database on the server that all share.
func databaseName(name string) string { return "souk_" + name }
