package database

import (
	"context"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Fill calls fill, which writes many rows into tables, in one transaction.
// Meanwhile nobody else can write to them. If the tables are empty, Fill builds
// their indexes and checks their foreign keys at the end, which is faster than
// row by row. Afterwards it collects the statistics that the planner needs.
func Fill(ctx context.Context, db *pgxpool.Pool, tables []string, fill func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var restore []string
		for _, table := range tables {
			statements, err := strip(ctx, tx, table)
			if err != nil {
				return fmt.Errorf("preparing the table %s: %w", table, err)
			}
			restore = append(restore, statements...)
		}
		if err := fill(tx); err != nil {
			return err
		}
		for _, statement := range restore {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := db.Exec(ctx, "VACUUM (ANALYZE) "+pgx.Identifier{table}.Sanitize()); err != nil {
			return fmt.Errorf("analyzing the table %s: %w", table, err)
		}
	}
	return nil
}

// stripped selects what an empty table can do without while it is filled, as
// pairs of statements: the one that drops it, and the one that creates it
// again. Primary keys and unique constraints stay.
const stripped = `
	SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
		format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
	FROM pg_constraint WHERE conrelid = $1::text::regclass AND contype = 'f'
	UNION ALL
	SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
	FROM pg_index i WHERE indrelid = $1::text::regclass AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)`

// strip locks a table and, if it is empty, drops what slows writing down. It
// returns the statements that restore it.
func strip(ctx context.Context, tx pgx.Tx, table string) (restore []string, err error) {
	name := pgx.Identifier{table}.Sanitize()
	if _, err := tx.Exec(ctx, `LOCK TABLE `+name+` IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return nil, err
	}
	var used bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+name+`)`).Scan(&used); err != nil || used {
		return nil, err
	}
	// Bounds the memory of each index that is built.
	if _, err := tx.Exec(ctx, `SET LOCAL maintenance_work_mem = '256MB'`); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, stripped, table)
	if err != nil {
		return nil, err
	}
	var drops []string
	var drop, create string
	_, err = pgx.ForEachRow(rows, []any{&drop, &create}, func() error {
		drops, restore = append(drops, drop), append(restore, create)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, drop := range drops {
		if _, err := tx.Exec(ctx, drop); err != nil {
			return nil, err
		}
	}
	return restore, nil
}

// Copy writes rows into columns of a table by COPY. It reads one row at a time.
func Copy(ctx context.Context, tx pgx.Tx, table string, columns []string, rows iter.Seq[[]any]) error {
	next, stop := iter.Pull(rows)
	defer stop()
	_, err := tx.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		row, ok := next()
		if !ok {
			return nil, ctx.Err()
		}
		return row, nil
	}))
	if err != nil {
		return fmt.Errorf("filling the table %s: %w", table, err)
	}
	return nil
}
