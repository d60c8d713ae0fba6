package stock_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk/subgraphs/internal/schema"
	"souk/subgraphs/inventory/stock"
)

// model is the simplest possible implementation of the store.
type model struct {
	onHand   map[int64]int
	reserved map[int64]int
	sold     map[int64]int
	orders   map[string]*modelOrder
	keys     map[string]stock.Line
	now      time.Time
}

type modelOrder struct {
	status stock.Status
	line   stock.Line
	until  time.Time
}

func (m *model) available(product int64) int { return m.onHand[product] - m.reserved[product] }

func (m *model) expire() {
	for _, o := range m.orders {
		if o.status == stock.Held && !o.until.After(m.now) {
			o.status = stock.Expired
			m.reserved[o.line.ProductID] -= o.line.Quantity
		}
	}
}

func (m *model) setStock(product int64, units int) string {
	if units < m.reserved[product] {
		return "Conflict"
	}
	m.onHand[product] = units
	return ""
}

func (m *model) restock(line stock.Line, key string) string {
	if before, ok := m.keys[key]; ok {
		if before != line {
			return "Conflict"
		}
		return ""
	}
	m.keys[key] = line
	m.onHand[line.ProductID] += line.Quantity
	return ""
}

func (m *model) reserve(order string, line stock.Line, ttl time.Duration) string {
	o := m.orders[order]
	switch {
	case o == nil:
	case o.line != line, o.status == stock.Released:
		return "Conflict"
	case o.status == stock.Held, o.status == stock.Committed:
		return ""
	}
	if m.available(line.ProductID) < line.Quantity {
		m.expire()
	}
	if m.available(line.ProductID) < line.Quantity {
		return "OutOfStock"
	}
	m.reserved[line.ProductID] += line.Quantity
	m.orders[order] = &modelOrder{status: stock.Held, line: line, until: m.now.Add(ttl)}
	return ""
}

func (m *model) commit(order string) string {
	o := m.orders[order]
	if o == nil {
		return "NotFound"
	}
	product, quantity := o.line.ProductID, o.line.Quantity
	switch o.status {
	case stock.Committed:
		return ""
	case stock.Released:
		return "Conflict"
	case stock.Expired:
		if m.available(product) < quantity {
			return "Conflict"
		}
	case stock.Held:
		m.reserved[product] -= quantity
	}
	m.onHand[product] -= quantity
	m.sold[product] += quantity
	o.status = stock.Committed
	return ""
}

func (m *model) release(order string) string {
	o := m.orders[order]
	if o == nil {
		return "NotFound"
	}
	switch o.status {
	case stock.Held:
		m.reserved[o.line.ProductID] -= o.line.Quantity
	case stock.Committed:
		m.onHand[o.line.ProductID] += o.line.Quantity
		m.sold[o.line.ProductID] -= o.line.Quantity
	}
	o.status = stock.Released
	return ""
}

// outcome returns the kind of result.
func outcome(err error) string {
	var conflict *schema.Conflict
	var missing *schema.NotFound
	var short *schema.OutOfStock
	switch {
	case err == nil:
		return ""
	case errors.As(err, &conflict):
		return "Conflict"
	case errors.As(err, &missing):
		return "NotFound"
	case errors.As(err, &short):
		return "OutOfStock"
	}
	return err.Error()
}

func TestStoreMatchesTheModel(t *testing.T) {
	w, db, clock := newStore(t)
	ctx := t.Context()
	products := rapid.Int64Range(1, 3)
	orders := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	line := rapid.Custom(func(t *rapid.T) stock.Line {
		return stock.Line{ProductID: products.Draw(t, "product"), Quantity: rapid.IntRange(1, 4).Draw(t, "quantity")}
	})
	rapid.Check(t, func(t *rapid.T) {
		if _, err := db.Exec(ctx, `TRUNCATE stock_levels, reservations, reservation_lines, restocks, event_outbox`); err != nil {
			t.Fatal(err)
		}
		m := &model{onHand: map[int64]int{}, reserved: map[int64]int{}, sold: map[int64]int{}, orders: map[string]*modelOrder{}, keys: map[string]stock.Line{}, now: clock.Now()}
		same := func(t *rapid.T, want string, err error) {
			if got := outcome(err); got != want {
				t.Fatalf("got %q, model has %q", got, want)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				product, units := products.Draw(t, "product"), rapid.IntRange(0, 10).Draw(t, "units")
				_, err := w.SetStock(ctx, product, units, nil)
				same(t, m.setStock(product, units), err)
			},
			"restock": func(t *rapid.T) {
				line, key := line.Draw(t, "line"), rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "key")
				_, err := w.Restock(ctx, line.ProductID, line.Quantity, key)
				same(t, m.restock(line, key), err)
			},
			"reserve": func(t *rapid.T) {
				order, line := orders.Draw(t, "order"), line.Draw(t, "line")
				_, err := w.Reserve(ctx, order, []stock.Line{line}, 3*time.Second)
				same(t, m.reserve(order, line, 3*time.Second), err)
			},
			"commit": func(t *rapid.T) {
				order := orders.Draw(t, "order")
				_, err := w.Commit(ctx, order)
				same(t, m.commit(order), err)
			},
			"release": func(t *rapid.T) {
				order := orders.Draw(t, "order")
				_, err := w.Release(ctx, order)
				same(t, m.release(order), err)
			},
			"pass": func(*rapid.T) {
				clock.pass(time.Second)
				m.now = clock.Now()
			},
			"expire": func(t *rapid.T) {
				_, err := w.Expire(ctx)
				m.expire()
				same(t, "", err)
			},
			"": func(t *rapid.T) { compare(ctx, t, w, m) },
		})
	})
}

// compare compares every number in the store with the model's.
func compare(ctx context.Context, t *rapid.T, w *stock.Store, m *model) {
	levels, err := w.Levels(ctx, []int64{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	for p := int64(1); p <= 3; p++ {
		l := levels[p]
		got := fmt.Sprint(l.OnHand, l.Reserved, l.Sold)
		if want := fmt.Sprint(m.onHand[p], m.reserved[p], m.sold[p]); got != want {
			t.Fatalf("product %d: on hand, reserved, sold = %s, model has %s", p, got, want)
		}
	}
	for order, o := range m.orders {
		r, ok, err := w.Reservation(ctx, order)
		if err != nil || !ok || r.Status != o.status {
			t.Fatalf("reservation of %s = %+v, err %v, model has %s", order, r, err, o.status)
		}
	}
}
