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

// conditions returns the condition for the notifications that a filter selects,
// and its arguments. A condition that is left out is not part of the statement:
// Postgres can then use an index whatever the arguments are.
func (f Filter) conditions() (string, []any) {
	condition, args := "true", []any(nil)
	add := func(column string, value any) {
		args = append(args, value)
		condition += fmt.Sprintf(" AND %s = $%d", column, len(args))
	}
	if f.UserID != nil {
		add("user_id", *f.UserID)
	}
	if f.OrderID != nil {
		add("order_id", *f.OrderID)
	}
	if f.Status != nil {
		add("status", *f.Status)
	}
	return condition, args
}

// Page returns the rows of a page, as connection.Cut expects them. The sort
// key is the ID.
func (s *Service) Page(ctx context.Context, f Filter, page connection.Page[int64]) ([]Notification, error) {
	condition, args := f.conditions()
	slice, args := connection.ByID(page, "id", true, args)
	return s.read(ctx, `SELECT `+columns+` FROM notifications WHERE `+condition+slice, append([]any{connection.Planned}, args...)...)
}

// Count counts the notifications that a filter selects.
func (s *Service) Count(ctx context.Context, f Filter) (count int, err error) {
	condition, args := f.conditions()
	err = s.DB.QueryRow(ctx, `SELECT count(*) FROM notifications WHERE `+condition, args...).Scan(&count)
	if err != nil {
		return 0, fmt.Errorf("counting notifications: %w", err)
	}
	return count, nil
}

// UserPages returns the same page of the notifications of each of several
// users, in one query.
func (s *Service) UserPages(ctx context.Context, users []int64, page connection.Page[int64]) (map[int64][]Notification, error) {
	slice, args := connection.ByID(page, "id", true, nil)
	args = append(args, users)
	list, err := s.read(ctx, fmt.Sprintf(`
		SELECT n.* FROM unnest($%d::bigint[]) AS u (id), LATERAL (
			SELECT `+columns+` FROM notifications WHERE user_id = u.id`+slice+`) AS n`, len(args)), args...)
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
