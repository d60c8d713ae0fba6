package user

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/database"
	"souk/subgraphs/internal/sample/shop"
	"souk/subgraphs/user/account"
)

// Migrations returns the service's SQL migrations (NNN_name.sql, tern's
// format).
func Migrations() fs.FS {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the pattern above embeds the directory
	}
	return files
}

// Generate adds the users of a generated shop to a migrated database.
func Generate(ctx context.Context, db *pgxpool.Pool, s *shop.Shop) error {
	err := database.Fill(ctx, db, []string{"users"}, func(tx pgx.Tx) error {
		return account.Copy(ctx, tx, func(yield func(account.User) bool) {
			for i := range s.Users {
				u := s.User(i)
				if !yield(account.User{
					ID: u.ID, Username: u.Username, Email: u.Email, DisplayName: u.DisplayName, Phone: u.Phone,
					Roles: []string{account.Customer}, CreatedAt: u.CreatedAt,
				}) {
					return
				}
			}
		})
	})
	if err != nil {
		return fmt.Errorf("generating users: %w", err)
	}
	return nil
}
