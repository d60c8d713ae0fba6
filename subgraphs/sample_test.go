package subgraphs_test

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// databases opens an empty database for each part of a store.
func databases(t testing.TB) map[string]*pgxpool.Pool {
	t.Helper()
	pools := map[string]*pgxpool.Pool{}
	for _, name := range append(subgraphs.Names(), subgraphs.PaymentDatabase) {
		db, err := pgxpool.New(t.Context(), pgtest.Database(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(db.Close)
		pools[name] = db
	}
	return pools
}

var sampleTime = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func smallSample() subgraphs.SampleOptions {
	return subgraphs.SampleOptions{
		Products: 200, Users: 60, Orders: 700, Seed: 7, Now: sampleTime, NotifiedSince: sampleTime.AddDate(-4, 0, 0),
	}
}

func fill(t testing.TB, stores map[string]*pgxpool.Pool, o subgraphs.SampleOptions) {
	t.Helper()
	if err := subgraphs.Sample(t.Context(), stores, o); err != nil {
		t.Fatal(err)
	}
}

// rows names the tables of a generated store and their databases. The users are
// missing: some are those of `souk dev`.
var rows = map[string]string{
	"products": "product", "stock_levels": "inventory", "reservations": "inventory", "reservation_lines": "inventory",
	"orders": "order", "order_events": "order", "payments": "payment", "notifications": "notification",
}

// digests returns a hash of the content of each table.
func digests(t *testing.T, stores map[string]*pgxpool.Pool) map[string]string {
	t.Helper()
	found := map[string]string{}
	for table, database := range rows {
		found[table] = value[string](t, stores[database], `SELECT md5(string_agg(r::text, E'\n' ORDER BY r::text)) FROM `+table+` r`)
	}
	found["users"] = value[string](t, stores["user"], `SELECT md5(string_agg(r::text, E'\n' ORDER BY id)) FROM users r WHERE password_hash IS NULL AND created_at < $1`, sampleTime)
	return found
}

func value[T any](t testing.TB, db *pgxpool.Pool, query string, args ...any) (v T) {
	t.Helper()
	if err := db.QueryRow(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// Refused options must leave nothing behind: a store with the first few rows
// would refuse the right options.
func TestRefusedSampleLeavesTheStoreEmpty(t *testing.T) {
	stores := databases(t)
	for _, wrong := range []subgraphs.SampleOptions{
		{Products: 5, Users: 0, Orders: 5}, {Products: 0, Users: 5, Orders: 5}, {Products: 5, Users: 5, Orders: -1}, {Products: 5, Users: -1},
	} {
		if err := subgraphs.Sample(t.Context(), stores, wrong); err == nil {
			t.Errorf("%+v: got no error", wrong)
		}
		if value[bool](t, stores["user"], `SELECT to_regclass('users') IS NOT NULL`) {
			t.Fatalf("%+v: the database of user was migrated", wrong)
		}
	}
}

func TestSampleIsTheSameForTheSameOptions(t *testing.T) {
	one, other := databases(t), databases(t)
	options := smallSample()
	options.Orders = 100
	fill(t, one, options)
	fill(t, other, options)
	if a, b := digests(t, one), digests(t, other); !maps.Equal(a, b) {
		t.Errorf("got\n%v\nand\n%v", a, b)
	}
}

func TestSampleKeepsTheInvariantsOfAStore(t *testing.T) {
	stores, options := databases(t), smallSample()
	fill(t, stores, options)
	checkInvariants(t, stores)
	for status, least := range map[string]int{"DELIVERED": 400, "CANCELLED": 20, "REJECTED": 5, "CONFIRMED": 1} {
		if n := value[int](t, stores["order"], `SELECT count(*) FROM orders WHERE status = $1`, status); n < least {
			t.Errorf("got %d orders that are %s, want at least %d", n, status, least)
		}
	}
	before := digests(t, stores)
	err := subgraphs.Sample(t.Context(), stores, options)
	if err == nil || !strings.Contains(err.Error(), "--add") || !strings.Contains(err.Error(), "order_events") {
		t.Errorf("a second call: got error %v, want one that names the tables and --add", err)
	}
	if after := digests(t, stores); !maps.Equal(before, after) {
		t.Errorf("the refused call changed the store from\n%v\nto\n%v", before, after)
	}
	options.Add = true
	fill(t, stores, options)
	if n := value[int](t, stores["order"], `SELECT count(*) FROM orders`); n != 2*options.Orders {
		t.Errorf("got %d orders, want %d", n, 2*options.Orders)
	}
	checkInvariants(t, stores)
}

// checkInvariants checks what holds in every store whose services have done
// their work.
func checkInvariants(t *testing.T, stores map[string]*pgxpool.Pool) {
	t.Helper()
	var report bytes.Buffer
	if n, err := subgraphs.ReplayOrders(t.Context(), stores["order"], &report, nil); n != 0 || err != nil {
		t.Errorf("orders differ from their events: %v\n%.1000s", err, &report)
	}
	for _, name := range subgraphs.Names() {
		none(t, stores[name], `event_outbox WHERE published_at IS NULL`)
	}
	none(t, stores["order"], `payment_tasks`)
	none(t, stores["order"], `stock_releases`)
	none(t, stores["order"], `orders WHERE status = 'PENDING'`)
	none(t, stores["notification"], `notifications WHERE status <> 'SENT'`)
	none(t, stores["inventory"], `stock_levels WHERE reserved <> 0`)
	none(t, stores["inventory"], `stock_levels l WHERE sold <> (SELECT coalesce(sum(quantity), 0) FROM reservation_lines
		JOIN reservations r ON r.id = reservation_id WHERE product_id = l.product_id AND status = 'COMMITTED')`)

	const sold = `SELECT product_id::text || ' ' || sold FROM stock_levels WHERE sold > 0 ORDER BY product_id`
	const ordered = `SELECT product || ' ' || sum(units) FROM (
			SELECT l->>'productId' AS product, (l->>'quantity')::bigint AS units
			FROM orders, jsonb_array_elements(lines) l WHERE status IN ('CONFIRMED', 'SHIPPED', 'DELIVERED')) x
		GROUP BY product ORDER BY product::bigint`
	same(t, "units", stores["inventory"], sold, stores["order"], ordered)

	const owed = `SELECT id || ' ' || total || ' ' || (payment->>'status') FROM orders WHERE payment->>'status' IN ('AUTHORIZED', 'CAPTURED', 'REFUNDED') ORDER BY id`
	const held = `SELECT reference || ' ' || amount || ' ' || status FROM payments WHERE status IN ('AUTHORIZED', 'CAPTURED', 'REFUNDED') ORDER BY reference::bigint`
	same(t, "payments", stores["order"], owed, stores["payment"], held)

	const happened = `SELECT order_id || ' ' || CASE type WHEN 'OrderConfirmed' THEN 'order-created' WHEN 'OrderCancelled' THEN 'order-cancelled'
			WHEN 'OrderShipped' THEN 'order-shipped' WHEN 'PaymentCaptured' THEN 'order-paid' WHEN 'OrderDelivered' THEN 'order-delivered'
			WHEN 'PaymentRefunded' THEN 'order-refunded' END AS told
		FROM order_events WHERE type IN ('OrderConfirmed', 'OrderCancelled', 'OrderShipped', 'PaymentCaptured', 'OrderDelivered', 'PaymentRefunded') ORDER BY 1`
	const told = `SELECT order_id || ' ' || template FROM notifications WHERE channel = 'email' ORDER BY 1`
	same(t, "e-mails", stores["order"], happened, stores["notification"], told)
}

// none checks that no row of a table matches a condition.
func none(t *testing.T, db *pgxpool.Pool, from string) {
	t.Helper()
	if n := value[int](t, db, `SELECT count(*) FROM `+from); n != 0 {
		t.Errorf("got %d rows of %s, want none", n, from)
	}
}

// same checks that two queries of one text column return the same lines.
func same(t *testing.T, what string, one *pgxpool.Pool, query string, other *pgxpool.Pool, otherQuery string) {
	t.Helper()
	a, b := lines(t, one, query), lines(t, other, otherQuery)
	if len(a) == 0 || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("%s: got %d lines and %d lines, which differ: %.300q and %.300q", what, len(a), len(b), a, b)
	}
}

func lines(t *testing.T, db *pgxpool.Pool, query string) []string {
	t.Helper()
	found, err := db.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	var all []string
	for found.Next() {
		var line string
		if err := found.Scan(&line); err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
