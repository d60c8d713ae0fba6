package stock_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/inventory"
	"souk/subgraphs/inventory/stock"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A clock is advanced by tests.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func database(t testing.TB) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if err := server.Migrate(t.Context(), db, inventory.Migrations(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return db
}

func newStore(t testing.TB) (*stock.Store, *pgxpool.Pool, *clock) {
	t.Helper()
	db, time := database(t), newClock()
	return stock.NewStore(db, time.Now), db, time
}

func mustSet(t testing.TB, w *stock.Store, product int64, units int) {
	t.Helper()
	if _, err := w.SetStock(t.Context(), product, units, nil); err != nil {
		t.Fatal(err)
	}
}

// want checks a level's units on hand, reserved and sold.
func want(t testing.TB, w *stock.Store, product int64, onHand, reserved int, sold int64) stock.Level {
	t.Helper()
	levels, err := w.Levels(context.WithoutCancel(t.Context()), []int64{product})
	if err != nil {
		t.Fatal(err)
	}
	l := levels[product]
	if l.OnHand != onHand || l.Reserved != reserved || l.Sold != sold {
		t.Errorf("product %d: got on hand %d, reserved %d, sold %d, want %d, %d, %d", product, l.OnHand, l.Reserved, l.Sold, onHand, reserved, sold)
	}
	return l
}

func isA[E error](t testing.TB, err error) E {
	t.Helper()
	var e E
	if !errors.As(err, &e) {
		t.Fatalf("got error %T %v, want a %T", err, err, e)
	}
	return e
}

func one(product int64, quantity int) []stock.Line {
	return []stock.Line{{ProductID: product, Quantity: quantity}}
}

func TestReservationIsSoldOrReleased(t *testing.T) {
	ctx := t.Context()
	w, _, _ := newStore(t)
	mustSet(t, w, 1, 10)

	r, err := w.Reserve(ctx, "a", []stock.Line{{ProductID: 1, Quantity: 1}, {ProductID: 1, Quantity: 2}}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != stock.Held || !slices.Equal(r.Lines, one(1, 3)) {
		t.Errorf("got %+v, want 3 units of product 1 held: the lines of a product are added", r)
	}
	want(t, w, 1, 10, 3, 0)
	again, err := w.Reserve(ctx, "a", one(1, 3), time.Minute)
	if err != nil || again.ID != r.ID || !again.ExpiresAt.Equal(r.ExpiresAt) {
		t.Errorf("second Reserve() = %+v, %v, want the same reservation", again, err)
	}
	want(t, w, 1, 10, 3, 0)
	_, err = w.Reserve(ctx, "a", one(1, 4), time.Minute)
	isA[*schema.Conflict](t, err)

	for range 2 {
		if r, err = w.Commit(ctx, "a"); err != nil || r.Status != stock.Committed {
			t.Fatalf("Commit() = %+v, %v", r, err)
		}
		want(t, w, 1, 7, 0, 3)
	}
	for range 2 {
		if r, err = w.Release(ctx, "a"); err != nil || r.Status != stock.Released {
			t.Fatalf("Release() = %+v, %v", r, err)
		}
		want(t, w, 1, 10, 0, 0)
	}
	_, err = w.Commit(ctx, "a")
	isA[*schema.Conflict](t, err)
	_, err = w.Reserve(ctx, "a", one(1, 3), time.Minute)
	isA[*schema.Conflict](t, err)
	_, err = w.Commit(ctx, "nobody's")
	isA[*schema.NotFound](t, err)
	_, err = w.Release(ctx, "nobody's")
	isA[*schema.NotFound](t, err)
}

func TestReserveHoldsAllOrNothing(t *testing.T) {
	w, _, _ := newStore(t)
	mustSet(t, w, 1, 10)
	mustSet(t, w, 2, 1)
	_, err := w.Reserve(t.Context(), "a", []stock.Line{{ProductID: 1, Quantity: 2}, {ProductID: 2, Quantity: 3}, {ProductID: 9, Quantity: 1}}, time.Minute)
	short := isA[*schema.OutOfStock](t, err)
	got := fmt.Sprint(*short.Shortages[0], *short.Shortages[1])
	if got != "{2 3 1} {9 1 0}" {
		t.Errorf("got shortages %s", got)
	}
	want(t, w, 1, 10, 0, 0)
	want(t, w, 2, 1, 0, 0)
	if r, ok, err := w.Reservation(t.Context(), "a"); ok || err != nil {
		t.Errorf("got reservation %+v, err %v, want none", r, err)
	}
	if _, err := w.Reserve(t.Context(), "a", one(1, 10), time.Minute); err != nil {
		t.Errorf("reserving less after a shortage: got error %v", err)
	}
}

func TestExpiredHoldFreesUnits(t *testing.T) {
	ctx := t.Context()
	w, _, clock := newStore(t)
	mustSet(t, w, 1, 5)
	reserve := func(order string, quantity int) error {
		_, err := w.Reserve(ctx, order, one(1, quantity), time.Minute)
		return err
	}
	if err := reserve("late", 4); err != nil {
		t.Fatal(err)
	}
	if n, err := w.Expire(ctx); n != 0 || err != nil {
		t.Fatalf("early: expired %d holds, err %v", n, err)
	}
	clock.pass(time.Minute)
	if n, err := w.Expire(ctx); n != 1 || err != nil {
		t.Fatalf("expired %d holds, err %v, want 1", n, err)
	}
	want(t, w, 1, 5, 0, 0)
	r, ok, err := w.Reservation(ctx, "late")
	if err != nil || !ok || r.Status != stock.Expired {
		t.Fatalf("got reservation %+v, err %v", r, err)
	}

	// An expired hold can still be sold while its units are available.
	if err := reserve("other", 2); err != nil {
		t.Fatal(err)
	}
	_, err = w.Commit(ctx, "late")
	isA[*schema.Conflict](t, err)
	want(t, w, 1, 5, 2, 0)
	if _, err := w.Release(ctx, "other"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(ctx, "late"); err != nil {
		t.Fatal(err)
	}
	want(t, w, 1, 1, 0, 4)
}

func TestReserveExpiresOldHolds(t *testing.T) {
	ctx := t.Context()
	w, _, clock := newStore(t)
	mustSet(t, w, 1, 5)
	if _, err := w.Reserve(ctx, "a", one(1, 5), time.Minute); err != nil {
		t.Fatal(err)
	}
	clock.pass(time.Minute)
	if _, err := w.Reserve(ctx, "b", one(1, 3), time.Minute); err != nil {
		t.Fatal(err)
	}
	want(t, w, 1, 5, 3, 0)
	_, err := w.Reserve(ctx, "a", one(1, 5), time.Minute)
	isA[*schema.OutOfStock](t, err)
	if _, err := w.Release(ctx, "b"); err != nil {
		t.Fatal(err)
	}
	r, err := w.Reserve(ctx, "a", one(1, 5), time.Minute)
	if err != nil || r.Status != stock.Held || !r.ExpiresAt.Equal(clock.Now().Add(time.Minute)) {
		t.Errorf("second Reserve() = %+v, %v", r, err)
	}
	want(t, w, 1, 5, 5, 0)
}

func TestSetStockAndRestockCheckVersionAndKey(t *testing.T) {
	ctx := t.Context()
	w, db, _ := newStore(t)
	if l, err := w.Restock(ctx, 1, 5, "delivery 1"); err != nil || l.OnHand != 5 || l.Version != 1 {
		t.Fatalf("first restock: got %+v, err %v", l, err)
	}
	if l, err := w.Restock(ctx, 1, 5, "delivery 1"); err != nil || l.OnHand != 5 || l.Version != 1 {
		t.Errorf("repeated restock: got %+v, err %v, want it to add nothing", l, err)
	}
	_, err := w.Restock(ctx, 2, 5, "delivery 1")
	isA[*schema.Conflict](t, err)
	want(t, w, 2, 0, 0, 0)
	if l, err := w.Restock(ctx, 1, 5, ""); err != nil || l.OnHand != 10 {
		t.Errorf("restock without a key: got %+v, err %v", l, err)
	}

	version := 2
	if l, err := w.SetStock(ctx, 1, 8, &version); err != nil || l.Version != 3 {
		t.Fatalf("SetStock: got %+v, err %v", l, err)
	}
	_, err = w.SetStock(ctx, 1, 9, &version)
	isA[*schema.Conflict](t, err)
	if _, err := w.Reserve(ctx, "a", one(1, 6), time.Minute); err != nil {
		t.Fatal(err)
	}
	_, err = w.SetStock(ctx, 1, 5, nil)
	isA[*schema.Conflict](t, err)
	if l, err := w.SetStock(ctx, 1, 6, nil); err != nil || l.Available() != 0 {
		t.Errorf("SetStock below the reserved units: got %+v, err %v", l, err)
	}

	rows, err := db.Query(ctx, `SELECT data->>'onHand' || '/' || (data->>'available') || '@' || (data->>'version')
		FROM event_outbox WHERE type = 'inventory.updated' AND subject = '1' ORDER BY position`)
	if err != nil {
		t.Fatal(err)
	}
	var events []string
	for rows.Next() {
		var e string
		if err := rows.Scan(&e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if got := fmt.Sprint(events); got != "[5/5@1 10/10@2 8/8@3 8/2@4 6/0@5]" {
		t.Errorf("got events %s", got)
	}
}

func TestInvalidInputIsRejected(t *testing.T) {
	ctx := t.Context()
	w, _, _ := newStore(t)
	huge := make([]stock.Line, 101)
	for i := range huge {
		huge[i] = stock.Line{ProductID: int64(i + 1), Quantity: 1}
	}
	for name, test := range map[string]struct {
		do   func() error
		path string
	}{
		"no lines":       {do: func() error { _, err := w.Reserve(ctx, "a", nil, time.Minute); return err }, path: "lines"},
		"too many lines": {do: func() error { _, err := w.Reserve(ctx, "a", huge, time.Minute); return err }, path: "lines"},
		"no units":       {do: func() error { _, err := w.Reserve(ctx, "a", one(1, 0), time.Minute); return err }, path: "lines.0.quantity"},
		"too many units": {do: func() error {
			_, err := w.Reserve(ctx, "a", []stock.Line{{ProductID: 1, Quantity: stock.MaxUnits}, {ProductID: 1, Quantity: 1}}, time.Minute)
			return err
		}, path: "lines"},
		"no order":        {do: func() error { _, err := w.Reserve(ctx, "", one(1, 1), time.Minute); return err }, path: "orderId"},
		"no time":         {do: func() error { _, err := w.Reserve(ctx, "a", one(1, 1), 0); return err }, path: "ttlSeconds"},
		"negative count":  {do: func() error { _, err := w.SetStock(ctx, 1, -1, nil); return err }, path: "onHand"},
		"nothing arrived": {do: func() error { _, err := w.Restock(ctx, 1, 0, ""); return err }, path: "quantity"},
	} {
		t.Run(name, func(t *testing.T) {
			invalid := isA[*schema.InvalidInput](t, test.do())
			if len(invalid.Fields) != 1 || invalid.Fields[0].Path != test.path {
				t.Errorf("got error %v, want one about %s", invalid, test.path)
			}
		})
	}
}
