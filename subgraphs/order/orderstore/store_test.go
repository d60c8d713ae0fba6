package orderstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/connection"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/order/orderstore"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var start = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// open returns a store in a database of its own.
func open(t *testing.T) (*orderstore.Store, *pgxpool.Pool) {
	t.Helper()
	db, err := pgxpool.New(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if err := server.Migrate(t.Context(), db, migrations(t), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return orderstore.New(db, func() time.Time { return start }), db
}

func migrations(t *testing.T) fs.FS {
	t.Helper()
	return os.DirFS("../migrations")
}

var two = orderstore.Placed{UserID: 7, Currency: "USD", Lines: []orderstore.Line{
	{ProductID: 1, Name: "Laptop", Quantity: 2, UnitPrice: 99999},
	{ProductID: 4, Name: "Mouse", Quantity: 1, UnitPrice: 1950},
}}

func place(t *testing.T, b *orderstore.Store, p orderstore.Placed) orderstore.Order {
	t.Helper()
	o, fresh, err := b.Place(t.Context(), "7", nil, p, "")
	if err != nil || !fresh {
		t.Fatalf("Place: got fresh %t, err %v", fresh, err)
	}
	return o
}

func change(t *testing.T, b *orderstore.Store, id int64, e orderstore.Event) orderstore.Order {
	t.Helper()
	o, err := b.Change(t.Context(), id, "system", func(orderstore.Order) (orderstore.Event, error) { return e, nil })
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// rows counts the rows of a query.
func rows(t *testing.T, db *pgxpool.Pool, query string, args ...any) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), "SELECT count(*) FROM "+query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOrderLifeCycleWritesEventsAndSideEffects(t *testing.T) {
	b, db := open(t)
	o := place(t, b, two)
	if o.Status != orderstore.StatusPending || o.Version != 1 || o.Total != 2*99999+1950 {
		t.Fatalf("after Place: got %+v", o)
	}
	change(t, b, o.ID, orderstore.Confirmed{})
	change(t, b, o.ID, orderstore.Cancelled{Reason: "too late"})

	got, err := b.Order(t.Context(), o.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != orderstore.StatusCancelled || got.Version != 3 || *got.CancelReason != "too late" || !got.CancelledAt.Equal(start) {
		t.Errorf("after all changes: got %+v", got)
	}
	history, err := b.History(t.Context(), []int64{o.ID})
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, r := range history[o.ID] {
		types = append(types, r.Type)
	}
	if got := strings.Join(types, " "); got != "OrderPlaced OrderConfirmed OrderCancelled" {
		t.Errorf("got history %s", got)
	}
	if n := rows(t, db, "event_outbox WHERE type = 'order.created' OR type = 'order.cancelled'"); n != 2 {
		t.Errorf("got %d events in the outbox, want 2", n)
	}
	if n := rows(t, db, "stock_releases"); n != 1 {
		t.Errorf("got %d releases of a cancelled order, want 1", n)
	}
}

func TestEventsAreAppendOnly(t *testing.T) {
	b, db := open(t)
	place(t, b, two)
	for _, statement := range []string{
		`UPDATE order_events SET actor = 'nobody'`, `DELETE FROM order_events`, `TRUNCATE order_events`,
		`UPDATE order_events SET data = data - 'lines'`, `UPDATE order_events SET data = data - 'shippingAddress', at = now()`,
		`UPDATE order_events SET data = jsonb_set(data, '{shippingAddress}', '{}')`,
	} {
		if _, err := db.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: got error %v", statement, err)
		}
	}
}

func TestInvalidTransitionsAreRejected(t *testing.T) {
	b, db := open(t)
	o := place(t, b, two)
	_, err := b.Change(t.Context(), o.ID, "system", func(orderstore.Order) (orderstore.Event, error) { return orderstore.Cancelled{}, nil })
	if !errors.Is(err, orderstore.ErrInvalidTransition) {
		t.Errorf("cancelling a pending order: got error %v", err)
	}
	if n := rows(t, db, "order_events"); n != 1 {
		t.Errorf("got %d events, want 1", n)
	}
	_, err = b.Change(t.Context(), 999, "system", func(orderstore.Order) (orderstore.Event, error) { return nil, nil })
	if !errors.Is(err, orderstore.ErrNotFound) {
		t.Errorf("changing an unknown order: got error %v", err)
	}
}

// Of several decisions on the same state, one wins; the others are retried.
func TestConcurrentChangesAppendOneEvent(t *testing.T) {
	b, db := open(t)
	o := place(t, b, two)
	var confirmed, rejected int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, err := b.Change(t.Context(), o.ID, "system", func(o orderstore.Order) (orderstore.Event, error) {
				if o.Status != orderstore.StatusPending {
					return nil, nil
				}
				if i%2 == 0 {
					return orderstore.Confirmed{}, nil
				}
				return orderstore.Rejected{Reason: orderstore.Unavailable}, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := b.Order(t.Context(), o.ID)
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if got.Status == orderstore.StatusConfirmed {
		confirmed = 1
	} else {
		rejected = 1
	}
	if n := rows(t, db, "order_events"); n != 2 || got.Version != 2 {
		t.Errorf("got %d events and version %d, want 2", n, got.Version)
	}
	if n := rows(t, db, "event_outbox"); n != confirmed {
		t.Errorf("got %d outbox events for status %s", n, got.Status)
	}
	if n := rows(t, db, "stock_releases"); n != rejected {
		t.Errorf("got %d releases for status %s", n, got.Status)
	}
}

func TestIdempotencyKeyReturnsTheFirstOrder(t *testing.T) {
	b, db := open(t)
	key := orderstore.IdempotencyKey{Caller: "7", Value: "k", RequestHash: []byte("one")}
	ids := make([]int64, 20)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			o, _, err := b.Place(t.Context(), "7", &key, two, "")
			if err != nil {
				t.Error(err)
			}
			ids[i] = o.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("one key: got orders %v", ids)
		}
	}
	if n := rows(t, db, "orders"); n != 1 {
		t.Errorf("got %d orders, want 1", n)
	}
	other := key
	other.RequestHash = []byte("two")
	if _, _, err := b.Place(t.Context(), "7", &other, two, ""); !errors.Is(err, orderstore.ErrKeyReused) {
		t.Errorf("same key for another request: got error %v", err)
	}
	other.Caller = "8"
	if o, fresh, err := b.Place(t.Context(), "8", &other, two, ""); err != nil || !fresh || o.ID == ids[0] {
		t.Errorf("same key of another caller: got order %d, fresh %t, err %v", o.ID, fresh, err)
	}
	// After a rejection because inventory was unavailable, the key places another order.
	change(t, b, ids[0], orderstore.Rejected{Reason: orderstore.Unavailable})
	if o, fresh, err := b.Place(t.Context(), "7", &key, two, ""); err != nil || !fresh || o.ID == ids[0] {
		t.Errorf("key after a failure: got order %d, fresh %t, err %v", o.ID, fresh, err)
	}
}

func TestPagesCoverEachUsersOrders(t *testing.T) {
	b, _ := open(t)
	var all []int64
	for i := range 7 {
		p := two
		p.UserID = int64(1 + i%2)
		o := place(t, b, p)
		all = append(all, o.ID)
	}
	five, err := connection.Parse[int64](orderstore.SortOrder, connection.Arguments{First: ptr(2)})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := b.UserPages(t.Context(), []int64{1, 2, 3}, nil, five)
	if err != nil {
		t.Fatal(err)
	}
	if got := idsOf(pages[1]); !equal(got, all[6], all[4], all[2]) { // one more than requested
		t.Errorf("user 1: got %v of %v", got, all)
	}
	if got := idsOf(pages[2]); !equal(got, all[5], all[3], all[1]) {
		t.Errorf("user 2: got %v of %v", got, all)
	}
	if len(pages[3]) != 0 {
		t.Errorf("user 3: got %v", pages[3])
	}
	cursor, err := connection.Cursor(orderstore.SortOrder, all[2])
	if err != nil {
		t.Fatal(err)
	}
	last, err := connection.Parse[int64](orderstore.SortOrder, connection.Arguments{Last: ptr(2), Before: &cursor})
	if err != nil {
		t.Fatal(err)
	}
	backward, err := b.Page(t.Context(), orderstore.Filter{}, last)
	if err != nil {
		t.Fatal(err)
	}
	if got := idsOf(backward); !equal(got, all[3], all[4], all[5]) { // in reverse, as read
		t.Errorf("before the third: got %v of %v", got, all)
	}
	counts, err := b.UserCounts(t.Context(), []int64{1, 2, 3}, nil)
	if err != nil || counts[1] != 4 || counts[2] != 3 || counts[3] != 0 {
		t.Errorf("got counts %v, err %v", counts, err)
	}
}

func idsOf(orders []orderstore.Order) (ids []int64) {
	for _, o := range orders {
		ids = append(ids, o.ID)
	}
	return ids
}

func equal(got []int64, want ...int64) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if got[i] != want[i] {
			return false
		}
	}
	return true
}

func ptr[T any](v T) *T { return &v }

func TestReplayReportsDifferences(t *testing.T) {
	b, db := open(t)
	for i := range 12 {
		o := place(t, b, two)
		if i%2 == 0 {
			change(t, b, o.ID, orderstore.Confirmed{})
		}
		if i%4 == 0 {
			change(t, b, o.ID, orderstore.Cancelled{})
		}
		if i%3 == 1 && i%2 == 1 {
			change(t, b, o.ID, orderstore.Rejected{Reason: orderstore.OutOfStock, Shortages: []orderstore.Shortage{{ProductID: "1", Requested: 2}}})
		}
	}
	if out, n := replay(t, db); n != 0 {
		t.Fatalf("got %d differences:\n%s", n, out)
	}
	for _, damage := range []string{
		`UPDATE orders SET status = 'REJECTED' WHERE id = 1`,
		`UPDATE orders SET total = 1, version = 9 WHERE id = 2`,
		`UPDATE orders SET cancelled_at = NULL WHERE id = 5`,
		`DELETE FROM orders WHERE id = 3`,
		`INSERT INTO orders SELECT 99, user_id, status, currency, total, lines, placed_at, cancelled_at, cancel_reason, rejection, version FROM orders WHERE id = 4`,
		`INSERT INTO order_events VALUES (4, 7, 'OrderConfirmed', '{}', now(), 'system')`,
	} {
		if _, err := db.Exec(t.Context(), damage); err != nil {
			t.Fatalf("damaging by %s: %v", damage, err)
		}
	}
	out, n := replay(t, db)
	for _, want := range []string{
		"order 1: status is REJECTED, but its events say CANCELLED\n",
		"order 2: total is 1, but its events say 201948\n",
		"order 2: version is 9, but",
		"order 5: cancelled_at is null, but its events say 2026-11-24",
		"order 3 is missing in orders\n",
		"order 99 is in orders but has no events\n",
		"order 4 cannot be rebuilt: event 7",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not contain %q:\n%s", want, out)
		}
	}
	if n != 7 || rows(t, db, "orders") != 12 {
		t.Errorf("got %d differences, want 7, or the replay changed something:\n%s", n, out)
	}
}

// Rebuild restores a wrong or missing projection from the events. It leaves
// orders with invalid events alone.
func TestRebuildCorrectsTheProjection(t *testing.T) {
	b, db := open(t)
	for i := range 6 {
		o := place(t, b, two)
		if i%2 == 0 {
			change(t, b, o.ID, orderstore.Confirmed{})
		}
	}
	before := shownOrders(t, db)
	rebuild := func(differences, corrected, left int) {
		t.Helper()
		var out strings.Builder
		if _, n, err := orderstore.Rebuild(t.Context(), db, &out, nil); err != nil || n != left {
			t.Errorf("left %d orders, want %d, err %v", n, left, err)
		}
		if want := fmt.Sprintf(" events: %d differences\n%d orders corrected\n", differences, corrected); !strings.HasSuffix(out.String(), want) {
			t.Errorf("got the report\n%s\nwant its end to be\n%s", &out, want)
		}
		if got := shownOrders(t, db); got != before {
			t.Errorf("got orders\n%[2]s\nwant\n%[1]s", before, got)
		}
	}
	for _, damage := range []string{
		`UPDATE orders SET status = 'REJECTED', total = 1, lines = '[]' WHERE id = 1`,
		`DELETE FROM orders WHERE id = 3`,
		`INSERT INTO orders SELECT 99, user_id, status, currency, total, lines, placed_at, cancelled_at, cancel_reason, rejection, version FROM orders WHERE id = 4`,
	} {
		if _, err := db.Exec(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
	}
	rebuild(5, 3, 0)
	rebuild(0, 0, 0)
	if _, err := db.Exec(t.Context(), `DELETE FROM orders`); err != nil {
		t.Fatal(err)
	}
	rebuild(6, 6, 0)
	if _, err := db.Exec(t.Context(), `INSERT INTO order_events VALUES (4, 7, 'OrderConfirmed', '{}', now(), 'system')`); err != nil {
		t.Fatal(err)
	}
	rebuild(1, 0, 1)
}

// slowReport is a report that waits in the middle of a replay.
type slowReport struct{ reached, proceed chan struct{} }

func (s *slowReport) Write(p []byte) (int, error) {
	select {
	case <-s.reached:
	default:
		close(s.reached)
		<-s.proceed
	}
	return len(p), nil
}

// Orders are placed and changed while a rebuild runs, however long it takes, and
// it does not undo what happened meanwhile.
func TestRebuildDoesNotHoldUpOrders(t *testing.T) {
	b, db := open(t)
	damaged, lost := place(t, b, two), place(t, b, two)
	for _, damage := range []string{`UPDATE orders SET total = 1`, `DELETE FROM orders WHERE id = 2`} {
		if _, err := db.Exec(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
	}
	report := &slowReport{reached: make(chan struct{}), proceed: make(chan struct{})}
	done := make(chan error, 1)
	go func() {
		_, _, err := orderstore.Rebuild(t.Context(), db, report, nil)
		done <- err
	}()
	<-report.reached
	change(t, b, damaged.ID, orderstore.Confirmed{})
	change(t, b, lost.ID, orderstore.Confirmed{})
	place(t, b, two)
	close(report.proceed)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if out, n := replay(t, db); n != 0 {
		t.Errorf("got %d differences after the rebuild: %s", n, out)
	}
}

func shownOrders(t *testing.T, db *pgxpool.Pool) (all string) {
	t.Helper()
	if err := db.QueryRow(t.Context(), `SELECT string_agg(o::text, E'\n' ORDER BY id) FROM orders o`).Scan(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

func replay(t *testing.T, db *pgxpool.Pool) (string, int) {
	t.Helper()
	var out bytes.Buffer
	n, err := orderstore.Replay(t.Context(), db, &out, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), n
}

// The table orders equals the fold of the events after any sequence of events.
func TestProjectionEqualsTheFoldOfEvents(t *testing.T) {
	b, db := open(t)
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		p := orderstore.Placed{UserID: rapid.Int64Range(1, 5).Draw(t, "user"), Currency: "EUR", PaymentRequired: rapid.Bool().Draw(t, "paid")}
		if rapid.Bool().Draw(t, "sent") {
			p.ShippingAddress = &orderstore.Address{Name: "Ada", Line1: "Main 1", City: "Ulm", Country: "DE"}
		}
		for range rapid.IntRange(1, 4).Draw(t, "lines") {
			p.Lines = append(p.Lines, orderstore.Line{
				ProductID: rapid.Int64Min(1).Draw(t, "product"), Name: rapid.StringMatching(`[^\x00]*`).Draw(t, "name"),
				Quantity: rapid.IntRange(1, 1000).Draw(t, "quantity"), UnitPrice: rapid.Int64Range(0, 1<<40).Draw(t, "price"),
			})
		}
		o, _, err := b.Place(ctx, "1", nil, p, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range rapid.SliceOfN(rapid.SampledFrom([]orderstore.Event{
			orderstore.PaymentAuthorized{}, orderstore.Confirmed{}, orderstore.Cancelled{Reason: "x"}, orderstore.Rejected{Reason: orderstore.Abandoned, Message: "m"},
			orderstore.Shipped{Carrier: "c", TrackingNumber: "t"}, orderstore.Delivered{}, orderstore.PaymentCaptured{}, orderstore.PaymentVoided{},
			orderstore.RefundRequested{Reason: "r"}, orderstore.PaymentRefunded{}, orderstore.PersonalDataErased{},
		}), 0, 16).Draw(t, "events") {
			_, err := b.Change(ctx, o.ID, "system", func(orderstore.Order) (orderstore.Event, error) { return e, nil })
			if err != nil && !errors.Is(err, orderstore.ErrInvalidTransition) {
				t.Fatal(err)
			}
		}
	})
	if out, n := replay(t, db); n != 0 {
		t.Errorf("got %d differences:\n%s", n, out)
	}
}

func TestClaimedReleaseIsHiddenUntilRescheduled(t *testing.T) {
	b, db := open(t)
	o := place(t, b, two)
	change(t, b, o.ID, orderstore.Rejected{Reason: orderstore.Unavailable})
	r, ok, err := b.ClaimTask(t.Context(), orderstore.StockReleases, nil, time.Minute)
	if err != nil || !ok || r.OrderID != o.ID || r.Attempts != 1 {
		t.Fatalf("claim: got %+v, %t, err %v", r, ok, err)
	}
	if _, ok, err := b.ClaimTask(t.Context(), orderstore.StockReleases, &o.ID, time.Minute); ok || err != nil {
		t.Errorf("second claim: got error %v", err)
	}
	if err := b.RescheduleTask(t.Context(), r, start, errors.New("away")); err != nil {
		t.Fatal(err)
	}
	if r, ok, err = b.ClaimTask(t.Context(), orderstore.StockReleases, &o.ID, time.Minute); err != nil || !ok || r.Attempts != 2 {
		t.Fatalf("claim after rescheduling: got %+v, %t, err %v", r, ok, err)
	}
	if err := b.CompleteTask(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, db, "stock_releases"); n != 0 {
		t.Errorf("got %d releases, want none", n)
	}
}

func TestWatcherSurvivesALostConnection(t *testing.T) {
	b, db := open(t)
	o := place(t, b, two)
	w := orderstore.NewWatcher(db, slog.New(slog.DiscardHandler))
	changed, stop := w.Watch(o.ID)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	wait := func() {
		t.Helper()
		select {
		case <-changed:
		case <-time.After(10 * time.Second):
			t.Fatal("got no notification")
		}
	}
	wait() // the watcher is listening now
	change(t, b, o.ID, orderstore.Confirmed{})
	wait()
	// The watcher reconnects and reports changes that it may have missed.
	if _, err := db.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE query ILIKE 'LISTEN%' AND datname = current_database()`); err != nil {
		t.Fatal(err)
	}
	wait()
	stop()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Rejected attempts are listed only if they are asked for.
func TestListsLeaveOutRejectedOrders(t *testing.T) {
	b, _ := open(t)
	var ids []int64
	for range 3 {
		ids = append(ids, place(t, b, two).ID)
	}
	change(t, b, ids[1], orderstore.Rejected{Reason: orderstore.OutOfStock})
	rejected := orderstore.StatusRejected
	for _, test := range []struct {
		name   string
		status *orderstore.Status
		want   []int64
	}{
		{name: "all", want: []int64{ids[2], ids[0]}},
		{name: "rejected", status: &rejected, want: []int64{ids[1]}},
	} {
		t.Run(test.name, func(t *testing.T) {
			page, err := connection.Parse[int64](orderstore.SortOrder, connection.Arguments{})
			if err != nil {
				t.Fatal(err)
			}
			f := orderstore.Filter{Status: test.status}
			list, err := b.Page(t.Context(), f, page)
			if got := idsOf(list); err != nil || !equal(got, test.want...) {
				t.Errorf("Page: %v, %v", got, err)
			}
			if n, err := b.Count(t.Context(), f); err != nil || n != len(test.want) {
				t.Errorf("Count: %d, %v", n, err)
			}
			users, err := b.UserPages(t.Context(), []int64{7}, test.status, page)
			if got := idsOf(users[7]); err != nil || !equal(got, test.want...) {
				t.Errorf("UserPages: %v, %v", got, err)
			}
			counts, err := b.UserCounts(t.Context(), []int64{7}, test.status)
			if err != nil || counts[7] != len(test.want) {
				t.Errorf("UserCounts: %v, %v", counts, err)
			}
		})
	}
}

// Erasing leaves the order and its history, without what identifies a person.
func TestEraseRedactsTheHistory(t *testing.T) {
	b, db := open(t)
	p := two
	p.ShippingAddress = &orderstore.Address{Name: "Ada Lovelace", Line1: "Main 1", City: "Ulm", Country: "DE"}
	o := place(t, b, p)
	change(t, b, o.ID, orderstore.Confirmed{})
	change(t, b, o.ID, orderstore.Shipped{Carrier: "Post", TrackingNumber: "T-4711"})
	for range 2 { // the second time changes nothing
		if err := b.Erase(t.Context(), o.ID, "system"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := b.Order(t.Context(), o.ID)
	if err != nil || got.Version != 4 || got.Total != o.Total || got.ShippingAddress != nil || got.Shipment.Carrier != "Post" || got.Shipment.TrackingNumber != "" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, table := range []string{"order_events", "orders"} {
		if n := rows(t, db, table+` x WHERE x::text ~ 'Lovelace|T-4711'`); n != 0 {
			t.Errorf("%s has personal data in %d rows", table, n)
		}
	}
	if out, n := replay(t, db); n != 0 {
		t.Errorf("%d differences:\n%s", n, out)
	}
}
