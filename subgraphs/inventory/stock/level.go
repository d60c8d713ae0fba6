package stock

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/events"
)

// Level is the stock of a product.
type Level struct {
	ProductID int64
	OnHand    int // including reserved units
	Reserved  int
	Sold      int64
	Version   int // incremented by every change
	UpdatedAt time.Time
}

// Available returns how many units can be ordered.
func (l Level) Available() int { return l.OnHand - l.Reserved }

// updatedEvent is the data of inventory.updated: the level after a change. The
// event's subject is the product ID.
type updatedEvent struct {
	ProductID string `json:"productId"`
	OnHand    int    `json:"onHand"`
	Reserved  int    `json:"reserved"`
	Available int    `json:"available"`
	Version   int    `json:"version"`
}

// Store keeps stock levels and reservations in Postgres.
type Store struct {
	db  *pgxpool.Pool
	now func() time.Time
}

// NewStore returns the store in a migrated database. The clock now decides
// when holds expire.
func NewStore(db *pgxpool.Pool, now func() time.Time) *Store {
	return &Store{db: db, now: now}
}

const levelColumns = `product_id, on_hand, reserved, sold, version, updated_at`

func scanLevel(row pgx.CollectableRow) (Level, error) {
	var l Level
	err := row.Scan(&l.ProductID, &l.OnHand, &l.Reserved, &l.Sold, &l.Version, &l.UpdatedAt)
	return l, err
}

// Levels returns the levels of several products, by product ID, in one query.
// Products that never had stock are missing from the map.
func (s *Store) Levels(ctx context.Context, products []int64) (map[int64]Level, error) {
	rows, err := s.db.Query(ctx, `SELECT `+levelColumns+` FROM stock_levels WHERE product_id = ANY($1)`, products)
	if err != nil {
		return nil, fmt.Errorf("reading stock levels: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanLevel)
	if err != nil {
		return nil, fmt.Errorf("reading stock levels: %w", err)
	}
	levels := make(map[int64]Level, len(list))
	for _, l := range list {
		levels[l.ProductID] = l
	}
	return levels, nil
}

// lock reads a product's level and locks it until the transaction ends. ok is
// false for a product that never had stock.
func lock(ctx context.Context, tx pgx.Tx, product int64) (level Level, ok bool, err error) {
	rows, err := tx.Query(ctx, `SELECT `+levelColumns+` FROM stock_levels WHERE product_id = $1 FOR UPDATE`, product)
	if err != nil {
		return Level{}, false, fmt.Errorf("locking a stock level: %w", err)
	}
	level, err = pgx.CollectExactlyOneRow(rows, scanLevel)
	if errors.Is(err, pgx.ErrNoRows) {
		return Level{}, false, nil
	}
	if err != nil {
		return Level{}, false, fmt.Errorf("locking a stock level: %w", err)
	}
	return level, true, nil
}

// publish appends inventory.updated for a changed level to the outbox.
func publish(ctx context.Context, tx pgx.Tx, l Level) error {
	id := strconv.FormatInt(l.ProductID, 10)
	return events.Append(ctx, tx, events.Event{
		Type:    events.InventoryUpdated,
		Subject: id,
		Data:    updatedEvent{ProductID: id, OnHand: l.OnHand, Reserved: l.Reserved, Available: l.Available(), Version: l.Version},
	})
}
