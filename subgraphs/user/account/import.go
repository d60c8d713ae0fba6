package account

import (
	"context"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/database"
)

// Copy writes accounts without passwords, in one COPY. Their IDs and names must
// be unused. Later accounts take the IDs after these.
func Copy(ctx context.Context, tx pgx.Tx, users iter.Seq[User]) error {
	err := database.Copy(ctx, tx, "users",
		[]string{"id", "username", "username_key", "email", "email_key", "display_name", "phone", "roles", "created_at", "updated_at"},
		func(yield func([]any) bool) {
			for u := range users {
				if !yield([]any{
					u.ID, u.Username, foldKey(u.Username), u.Email, foldKey(u.Email), u.DisplayName, u.Phone, u.Roles, u.CreatedAt, u.CreatedAt,
				}) {
					return
				}
			}
		})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `select setval(pg_get_serial_sequence('users', 'id'), max(id)) from users`); err != nil {
		return fmt.Errorf("setting the next user ID: %w", err)
	}
	return nil
}
