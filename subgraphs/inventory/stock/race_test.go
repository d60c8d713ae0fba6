package stock_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/schema"
	"souk/subgraphs/inventory/stock"
)

func TestConcurrentBuyersDoNotOversell(t *testing.T) {
	const buyers, units = 300, 50
	w, _, _ := newStore(t)
	mustSet(t, w, 1, units)
	var sold, short atomic.Int64
	var group sync.WaitGroup
	for buyer := range buyers {
		group.Go(func() {
			order := fmt.Sprint("order ", buyer)
			_, err := w.Reserve(t.Context(), order, one(1, 1), time.Minute)
			var out *schema.OutOfStock
			if errors.As(err, &out) {
				short.Add(1)
				return
			}
			if err == nil {
				_, err = w.Commit(t.Context(), order)
			}
			if err != nil {
				t.Error(err)
				return
			}
			sold.Add(1)
		})
	}
	group.Wait()
	if sold.Load() != units || short.Load() != buyers-units {
		t.Errorf("got %d sold and %d out of stock, want %d and %d", sold.Load(), short.Load(), units, buyers-units)
	}
	want(t, w, 1, 0, 0, units)
}

func TestConcurrentCallsForOneOrderReserveOnce(t *testing.T) {
	w, _, _ := newStore(t)
	mustSet(t, w, 1, 10)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := w.Reserve(t.Context(), "a", one(1, 2), time.Minute); err != nil {
				t.Error(err)
			}
			if _, err := w.Commit(t.Context(), "a"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	want(t, w, 1, 8, 0, 2)
}

// Hundreds of goroutines run all operations concurrently on a few products, in
// orders that name them in random sequence, while holds expire. Afterwards the
// numbers must balance.
func TestConcurrentOperationsKeepTheBalance(t *testing.T) {
	const products, units, workers, rounds = 5, 40, 200, 3
	w, db, clock := newStore(t)
	for p := range products {
		mustSet(t, w, int64(p+1), units)
	}
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for round := range rounds {
				if err := disturb(t.Context(), w, clock, random, fmt.Sprintf("order %d/%d", worker, round), products); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	balance(t, w, db, products, units)
}

// Connections are killed at random points. Each operation must be complete or
// absent.
func TestLostConnectionsKeepTheBalance(t *testing.T) {
	const products, units, workers, rounds = 3, 60, 20, 15
	w, db, clock := newStore(t)
	for p := range products {
		mustSet(t, w, int64(p+1), units)
	}
	var failed atomic.Int64
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(worker)))
			// Continue until a connection was killed, even if the killer is slow.
			for round := 0; round < rounds || failed.Load() == 0 && round < 100*rounds; round++ {
				if err := disturb(t.Context(), w, clock, random, fmt.Sprintf("order %d/%d", worker, round), products); err != nil {
					failed.Add(1)
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() { group.Wait(); close(ended) }()
	killer := database(t) // connected to another database, so that it does not kill itself
	for cutting := true; cutting; {
		select {
		case <-ended:
			cutting = false
		default:
			_, err := killer.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = $1 AND state <> 'idle' ORDER BY random() LIMIT 1`, db.Config().ConnConfig.Database)
			if err != nil {
				t.Error(err)
				cutting = false
			}
		}
	}
	<-ended
	if failed.Load() == 0 {
		t.Error("no connection was killed while in use")
	}
	db.Reset()
	balance(t, w, db, products, units)
}

// balance checks that every unit is on hand or sold, and that reserved and
// sold units match the reservations.
func balance(t *testing.T, w *stock.Store, db *pgxpool.Pool, products, units int) {
	t.Helper()
	for p := range products {
		var held, committed int
		err := db.QueryRow(t.Context(), `
			SELECT coalesce(sum(quantity) FILTER (WHERE status = 'HELD'), 0), coalesce(sum(quantity) FILTER (WHERE status = 'COMMITTED'), 0)
			FROM reservations r JOIN reservation_lines l ON l.reservation_id = r.id WHERE product_id = $1`, p+1).Scan(&held, &committed)
		if err != nil {
			t.Fatal(err)
		}
		want(t, w, int64(p+1), units-committed, held, int64(committed))
	}
}

func disturb(ctx context.Context, w *stock.Store, clock *clock, random *rand.Rand, order string, products int) error {
	var lines []stock.Line
	for _, p := range random.Perm(products)[:1+random.IntN(products)] {
		lines = append(lines, stock.Line{ProductID: int64(p + 1), Quantity: 1 + random.IntN(3)})
	}
	_, err := w.Reserve(ctx, order, lines, time.Duration(1+random.IntN(5))*time.Second)
	if err := unlessAnswer(err); err != nil {
		return err
	}
	switch random.IntN(5) {
	case 0, 1:
		_, err = w.Commit(ctx, order)
	case 2:
		_, err = w.Release(ctx, order)
	case 3:
		clock.pass(time.Second)
		_, err = w.Expire(ctx)
	}
	return unlessAnswer(err)
}

// unlessAnswer returns errors that are not typed results, such as a deadlock.
func unlessAnswer(err error) error {
	var answer schema.Error
	if errors.As(err, &answer) {
		return nil
	}
	return err
}
