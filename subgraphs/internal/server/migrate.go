package server

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/tern/v2/migrate"

	"souk/subgraphs/internal/events"
)

// Migrate brings a service's database to the present schema: first the tables
// every service has for its events, then the service's own migrations
// (NNN_name.sql, as tern reads them; nil for none). Several replicas may call
// it at once.
func Migrate(ctx context.Context, pool *pgxpool.Pool, migrations fs.FS, logger *slog.Logger) error {
	if err := migrateTo(ctx, pool, "public.events_schema_version", events.Migrations(), logger); err != nil {
		return fmt.Errorf("migrating the event tables: %w", err)
	}
	if migrations == nil {
		return nil
	}
	if err := migrateTo(ctx, pool, "public.schema_version", migrations, logger); err != nil {
		return fmt.Errorf("migrating the service's tables: %w", err)
	}
	return nil
}

func migrateTo(ctx context.Context, pool *pgxpool.Pool, versionTable string, files fs.FS, logger *slog.Logger) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	migrator, err := migrate.NewMigrator(ctx, conn.Conn(), versionTable)
	if err != nil {
		return err
	}
	if err := migrator.LoadMigrations(files); err != nil {
		return err
	}
	version, err := migrator.GetCurrentVersion(ctx)
	if err != nil {
		return err
	}
	// A newer release may have migrated already while this one is still
	// being replaced; going back would take its data away.
	if known := int32(len(migrator.Migrations)); version > known {
		logger.WarnContext(ctx, "the database is newer than this program", "version", version, "known", known)
		return nil
	}
	migrator.OnStart = func(_ int32, name, _, _ string) {
		logger.InfoContext(ctx, "migrating", "migration", name)
	}
	return migrator.Migrate(ctx)
}
