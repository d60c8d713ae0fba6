package orderstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/connection"
	"souk/subgraphs/internal/schema"
)

// SortOrder identifies the order of pages of orders in cursors: newest first.
const SortOrder = "newest"

// Filter selects orders.
type Filter struct {
	UserID *int64  // nil: of all users
	Status *Status // nil: with any status but Rejected
}

// conditions returns the condition for the orders that a filter selects, and
// its arguments. A condition that is left out is not part of the statement:
// Postgres can then use an index whatever the arguments are.
func (f Filter) conditions() (string, []any) {
	condition, args := "status <> 'REJECTED'", []any(nil)
	if f.Status != nil {
		args = append(args, *f.Status)
		condition = "status = $1"
	}
	if f.UserID != nil {
		args = append(args, *f.UserID)
		condition += fmt.Sprintf(" AND user_id = $%d", len(args))
	}
	return condition, args
}

// Order returns an order, or ErrNotFound.
func (s *Store) Order(ctx context.Context, id int64) (Order, error) {
	orders, err := s.Orders(ctx, []int64{id})
	if err != nil {
		return Order{}, err
	}
	o, ok := orders[id]
	if !ok {
		return o, fmt.Errorf("%w: %d", ErrNotFound, id)
	}
	return o, nil
}

// Orders returns those of the orders that exist, by ID, in one query.
func (s *Store) Orders(ctx context.Context, ids []int64) (map[int64]Order, error) {
	rows, err := s.db.Query(ctx, `SELECT `+columns+` FROM orders WHERE id = ANY($1)`, ids)
	if err != nil {
		return nil, fmt.Errorf("reading orders: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanOrder)
	if err != nil {
		return nil, fmt.Errorf("reading orders: %w", err)
	}
	orders := make(map[int64]Order, len(list))
	for _, o := range list {
		orders[o.ID] = o
	}
	return orders, nil
}

// Page returns the rows of a page, as connection.Cut expects them. The sort
// key is the ID.
func (s *Store) Page(ctx context.Context, f Filter, page connection.Page[int64]) ([]Order, error) {
	condition, args := f.conditions()
	slice, args := connection.ByID(page, "id", true, args)
	rows, err := s.db.Query(ctx, `SELECT `+columns+` FROM orders WHERE `+condition+slice, append([]any{connection.Planned}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("reading a page of orders: %w", err)
	}
	orders, err := pgx.CollectRows(rows, scanOrder)
	if err != nil {
		return nil, fmt.Errorf("reading a page of orders: %w", err)
	}
	return orders, nil
}

// Count counts the orders that a filter selects.
func (s *Store) Count(ctx context.Context, f Filter) (n int, err error) {
	condition, args := f.conditions()
	err = s.db.QueryRow(ctx, `SELECT count(*) FROM orders WHERE `+condition, args...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting orders: %w", err)
	}
	return n, nil
}

// UserPages returns the same page of the orders of each of several users, in
// one query.
func (s *Store) UserPages(ctx context.Context, users []int64, status *Status, page connection.Page[int64]) (map[int64][]Order, error) {
	condition, args := Filter{Status: status}.conditions()
	slice, args := connection.ByID(page, "id", true, args)
	args = append(args, users)
	rows, err := s.db.Query(ctx, fmt.Sprintf(`
		SELECT o.* FROM unnest($%d::bigint[]) AS u (id), LATERAL (
			SELECT `+columns+` FROM orders
			WHERE user_id = u.id AND `+condition+slice+`) AS o`, len(args)), args...)
	if err != nil {
		return nil, fmt.Errorf("reading users' orders: %w", err)
	}
	orders, err := pgx.CollectRows(rows, scanOrder)
	if err != nil {
		return nil, fmt.Errorf("reading users' orders: %w", err)
	}
	pages := make(map[int64][]Order, len(users))
	for _, o := range orders {
		pages[o.UserID] = append(pages[o.UserID], o)
	}
	return pages, nil
}

// UserCounts counts the orders of each of several users, in one query.
func (s *Store) UserCounts(ctx context.Context, users []int64, status *Status) (map[int64]int, error) {
	condition, args := Filter{Status: status}.conditions()
	args = append(args, users)
	rows, err := s.db.Query(ctx, fmt.Sprintf(`SELECT user_id, count(*) FROM orders
		WHERE user_id = ANY($%d) AND `+condition+` GROUP BY user_id`, len(args)), args...)
	if err != nil {
		return nil, fmt.Errorf("counting users' orders: %w", err)
	}
	counts := make(map[int64]int, len(users))
	var user int64
	var n int
	_, err = pgx.ForEachRow(rows, []any{&user, &n}, func() error {
		counts[user] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("counting users' orders: %w", err)
	}
	return counts, nil
}

// History returns the events of several orders, oldest first, in one query.
func (s *Store) History(ctx context.Context, ids []int64) (map[int64][]StoredEvent, error) {
	return history(ctx, s.db, ids)
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func history(ctx context.Context, q querier, ids []int64) (map[int64][]StoredEvent, error) {
	rows, err := q.Query(ctx, `SELECT order_id, version, type, data, at, actor FROM order_events
		WHERE order_id = ANY($1) ORDER BY order_id, version`, ids)
	if err != nil {
		return nil, fmt.Errorf("reading order events: %w", err)
	}
	records := make(map[int64][]StoredEvent, len(ids))
	err = forEachEvent(rows, func(r StoredEvent) error {
		records[r.OrderID] = append(records[r.OrderID], r)
		return nil
	})
	return records, err
}

func forEachEvent(rows pgx.Rows, do func(StoredEvent) error) error {
	var r StoredEvent
	var data []byte
	_, err := pgx.ForEachRow(rows, []any{&r.OrderID, &r.Version, &r.Type, &data, &r.At, &r.Actor}, func() error {
		row := r
		row.At, row.Data = r.At.UTC(), schema.JSON(append([]byte(nil), data...))
		return do(row)
	})
	if err != nil {
		return fmt.Errorf("reading order events: %w", err)
	}
	return nil
}

// CountByStatus counts the orders with each status, up to limit: the table of a
// large shop is too long to count.
func (s *Store) CountByStatus(ctx context.Context, limit int64) (map[Status]int64, error) {
	rows, err := s.db.Query(ctx, `
		SELECT status, (SELECT count(*) FROM (SELECT FROM orders o WHERE o.status = s.status LIMIT $2) c)
		FROM unnest($1::text[]) s (status)`, Statuses(), limit)
	if err != nil {
		return nil, fmt.Errorf("counting orders: %w", err)
	}
	counts := map[Status]int64{}
	var (
		status Status
		count  int64
	)
	_, err = pgx.ForEachRow(rows, []any{&status, &count}, func() error {
		counts[status] = count
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("counting orders: %w", err)
	}
	return counts, nil
}
