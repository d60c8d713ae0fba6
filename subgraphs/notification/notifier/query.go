package notifier

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/connection"
)

// SortOrder identifies the order of pages of notifications in cursors: newest
// first.
const SortOrder = "newest"

// Filter selects notifications. A nil field selects all.
type Filter struct {
	UserID  *int64
	OrderID *int64
	Status  *Status
}

// ByID returns those of the notifications that exist, by ID, in one query.
func (s *Service) ByID(ctx context.Context, ids []int64) (map[int64]Notification, error) {
	list, err := s.read(ctx, `SELECT `+columns+` FROM notifications WHERE id = ANY($1)`, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[int64]Notification, len(list))
	for _, n := range list {
		found[n.ID] = n
	}
	return found, nil
}

// ByOrder returns the notifications about each of several orders, newest
// first, in one query.
func (s *Service) ByOrder(ctx context.Context, orders []int64) (map[int64][]Notification, error) {
	list, err := s.read(ctx, `SELECT `+columns+` FROM notifications WHERE order_id = ANY($1) ORDER BY id DESC`, orders)
	if err != nil {
		return nil, err
	}
	found := make(map[int64][]Notification, len(orders))
	for _, n := range list {
		found[*n.OrderID] = append(found[*n.OrderID], n)
	}
	return found, nil
}

const filterClause = `($1::bigint IS NULL OR user_id = $1) AND ($2::bigint IS NULL OR order_id = $2) AND ($3::text IS NULL OR status = $3)`

// Page returns the rows of a page, as connection.Cut expects them. The sort
// key is the ID.
func (s *Service) Page(ctx context.Context, f Filter, page connection.Page[int64]) ([]Notification, error) {
	direction := "DESC"
	if page.Backward {
		direction = "ASC"
	}
	return s.read(ctx, `SELECT `+columns+` FROM notifications WHERE `+filterClause+`
		AND ($4::bigint IS NULL OR id < $4) AND ($5::bigint IS NULL OR id > $5) ORDER BY id `+direction+` LIMIT $6`,
		f.UserID, f.OrderID, f.Status, page.After, page.Before, page.Limit())
}

// Count counts the notifications that a filter selects.
func (s *Service) Count(ctx context.Context, f Filter) (count int, err error) {
	err = s.DB.QueryRow(ctx, `SELECT count(*) FROM notifications WHERE `+filterClause, f.UserID, f.OrderID, f.Status).Scan(&count)
	if err != nil {
		return 0, fmt.Errorf("counting notifications: %w", err)
	}
	return count, nil
}

// UserPages returns the same page of the notifications of each of several
// users, in one query. It supports forward pages only.
func (s *Service) UserPages(ctx context.Context, users []int64, page connection.Page[int64]) (map[int64][]Notification, error) {
	list, err := s.read(ctx, `
		SELECT n.* FROM unnest($1::bigint[]) AS u (id), LATERAL (
			SELECT `+columns+` FROM notifications
			WHERE user_id = u.id AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3) AS n`,
		users, page.After, page.Limit())
	if err != nil {
		return nil, err
	}
	pages := make(map[int64][]Notification, len(users))
	for _, n := range list {
		pages[n.UserID] = append(pages[n.UserID], n)
	}
	return pages, nil
}

// UserCounts counts the notifications of each of several users, in one query.
func (s *Service) UserCounts(ctx context.Context, users []int64) (map[int64]int, error) {
	rows, err := s.DB.Query(ctx, `SELECT user_id, count(*) FROM notifications WHERE user_id = ANY($1) GROUP BY user_id`, users)
	if err != nil {
		return nil, fmt.Errorf("counting users' notifications: %w", err)
	}
	counts := make(map[int64]int, len(users))
	var user int64
	var count int
	_, err = pgx.ForEachRow(rows, []any{&user, &count}, func() error {
		counts[user] = count
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("counting users' notifications: %w", err)
	}
	return counts, nil
}

func (s *Service) read(ctx context.Context, query string, args ...any) ([]Notification, error) {
	rows, err := s.DB.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading notifications: %w", err)
	}
	list, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("reading notifications: %w", err)
	}
	return list, nil
}
