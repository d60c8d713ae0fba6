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

// Migrate migrates a service's database: first the event tables that every
// service has, then the service's own migrations (NNN_name.sql, tern's format;
// nil for none). Several replicas may call it concurrently.
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
	// During a rollout, a newer release may already have migrated the database.
	// Migrating down would delete its data.
	if known := int32(len(migrator.Migrations)); version > known {
		logger.WarnContext(ctx, "the database schema is newer than this program; not migrating", "version", version, "known", known)
		return nil
	}
	migrator.OnStart = func(_ int32, name, _, _ string) {
		logger.InfoContext(ctx, "running migration", "migration", name)
	}
	return migrator.Migrate(ctx)
}
