package account

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/session"
)

// SessionStates returns the states of those of the sessions that exist, by ID.
func (s *Service) SessionStates(ctx context.Context, ids []string) (map[string]session.State, error) {
	known := parseUUIDs(ids)
	rows, err := s.DB.Query(ctx, `
		select s.id, s.ended_at is null and s.expires_at > $2, u.roles
		from sessions s join users u on u.id = s.user_id where s.id = any($1)`, known, s.Now())
	if err != nil {
		return nil, fmt.Errorf("reading session states: %w", err)
	}
	states := make(map[string]session.State, len(known))
	var id uuid.UUID
	var state session.State
	_, err = pgx.ForEachRow(rows, []any{&id, &state.Active, &state.Roles}, func() error {
		states[id.String()] = state
		state.Roles = nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading session states: %w", err)
	}
	return states, nil
}
