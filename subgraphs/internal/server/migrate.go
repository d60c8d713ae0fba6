package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/tern/v2/migrate"

	"souk/subgraphs/internal/database"
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

const (
	// lockTimeout is how long a statement of a migration waits for a lock.
	// While it waits, other queries of the table queue behind it.
	lockTimeout = time.Second
	// lockPause is the wait before a migration that did not get its lock is
	// tried again, and between attempts to become the process that migrates.
	lockPause = 500 * time.Millisecond
	// maxMigrationWait bounds the attempts.
	maxMigrationWait = 10 * time.Minute
)

// migrateTo migrates one set of tables. A migration that needs the lock of a
// table gives up after a second and tries again, so that it never blocks
// readers for longer behind a query that runs long.
func migrateTo(ctx context.Context, pool *pgxpool.Pool, versionTable string, files fs.FS, logger *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, maxMigrationWait)
	defer cancel()
	config := pool.Config().ConnConfig
	database.UnlimitStatements(config)
	config.RuntimeParams["lock_timeout"] = strconv.FormatInt(lockTimeout.Milliseconds(), 10)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := becomeMigrator(ctx, conn); err != nil {
		return err
	}
	migrator, err := migrate.NewMigrator(ctx, conn, versionTable)
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
	for {
		err := migrator.Migrate(ctx)
		if refused := (*pgconn.PgError)(nil); !errors.As(err, &refused) || refused.Code != lockNotAvailable && refused.Code != deadlockDetected {
			return err
		}
		logger.WarnContext(ctx, "a migration did not get a lock; will retry", "error", err)
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// lockNotAvailable is the SQLSTATE of a statement that reached lock_timeout,
// deadlockDetected that of one that Postgres ended, since it and another one waited
// for each other.
const lockNotAvailable, deadlockDetected = "55P03", "40P01"

// becomeMigrator waits until no other process migrates the database. It polls:
// a process that waits in Postgres for a lock would hold a snapshot, for which
// CREATE INDEX CONCURRENTLY waits in turn. The lock ends with the connection.
func becomeMigrator(ctx context.Context, conn *pgx.Conn) error {
	for {
		var alone bool
		if err := conn.QueryRow(ctx, "select pg_try_advisory_lock(hashtext('souk/migrate'))").Scan(&alone); err != nil || alone {
			return err
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("waiting for another process that migrates the database: %w", err)
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(lockPause):
		return nil
	}
}
