package backup

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Record writes the time of a backup to the table backups of a database, where the exporter of
// its metrics reads it. It keeps the newest 100.
func Record(ctx context.Context, database, name string) error {
	made, err := time.Parse("2006-01-02T15-04-05.000Z", name)
	if err != nil {
		return fmt.Errorf("the backup %s is not named after its time: %w", name, err)
	}
	db, err := pgx.Connect(ctx, database)
	if err != nil {
		return fmt.Errorf("recording the backup: %w", err)
	}
	defer db.Close(context.WithoutCancel(ctx))
	if _, err := db.Exec(ctx, "create table if not exists backups (made_at timestamptz primary key)"); err != nil {
		return fmt.Errorf("recording the backup: %w", err)
	}
	if _, err := db.Exec(ctx, "insert into backups values ($1) on conflict do nothing", made); err != nil {
		return fmt.Errorf("recording the backup: %w", err)
	}
	if _, err := db.Exec(ctx, "delete from backups where made_at not in (select made_at from backups order by made_at desc limit 100)"); err != nil {
		return fmt.Errorf("forgetting old backups: %w", err)
	}
	return nil
}
