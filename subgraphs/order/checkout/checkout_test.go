package checkout_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/order/checkout"
	"souk/subgraphs/order/internal/fake"
	"souk/subgraphs/order/inventoryclient"
	"souk/subgraphs/order/orderstore"
	"souk/subgraphs/order/productclient"
	"souk/subgraphs/order/userclient"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// store is a checkout service with its surroundings.
type store struct {
	metrics *prometheus.Registry
	*checkout.Service
	t         *testing.T
	db        *pgxpool.Pool
	users     *fake.Users
	products  *fake.Products
	inventory *fake.Inventory
	clock     time.Time
}

func open(t *testing.T) *store {
	t.Helper()
	db, err := pgxpool.New(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	logger := slog.New(slog.DiscardHandler)
	if err := server.Migrate(t.Context(), db, os.DirFS("../migrations"), logger); err != nil {
		t.Fatal(err)
	}
	s := &store{
		t: t, db: db, metrics: prometheus.NewRegistry(), clock: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC),
		users: fake.NewUsers(t, "1", "2"),
		products: fake.NewProducts(t, map[string]fake.Product{
			"1": {Name: "Laptop", Price: 99999, Currency: "USD"},
			"2": {Name: "Mouse", Price: 1950, Currency: "USD"},
			"3": {Name: "Walkman", Price: 1, Currency: "USD", Retired: true},
			"4": {Name: "Kaffee", Price: 700, Currency: "EUR"},
			"5": {Name: "Moon", Price: 1 << 60, Currency: "USD"},
		}),
		inventory: fake.NewInventory(t, map[string]int{"1": 5, "2": 100, "4": 1, "5": 1000}),
	}
	now := func() time.Time { return s.clock }
	s.Service = &checkout.Service{
		Orders: orderstore.New(db, now), Now: now, Logger: logger, Metrics: checkout.NewMetrics(s.metrics),
		Inventory: inventoryclient.New(s.inventory.URL, "", nil),
		Products:  productclient.New(s.products.URL, "", nil),
		Users:     userclient.New(s.users.URL, "", nil),
	}
	return s
}

var (
	anna     = identity.Caller{UserID: "1"}
	admin    = identity.Caller{UserID: "9", Roles: []string{identity.RoleAdmin}}
	tutorial = identity.Caller{Anonymous: true, Tutorial: true}
)

func lines(pairs ...any) (lines []checkout.RequestLine) {
	for i := 0; i < len(pairs); i += 2 {
		lines = append(lines, checkout.RequestLine{ProductID: pairs[i].(string), Quantity: pairs[i+1].(int)})
	}
	return lines
}

func (s *store) place(r checkout.Request) orderstore.Order {
	s.t.Helper()
	o, err := s.Place(s.t.Context(), anna, r)
	if err != nil {
		s.t.Fatal(err)
	}
	return o
}

func (s *store) status(id int64) orderstore.Status {
	s.t.Helper()
	o, err := s.Orders.Order(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return o.Status
}

// count counts the rows of a query.
func (s *store) count(query string) (n int) {
	s.t.Helper()
	if err := s.db.QueryRow(s.t.Context(), "SELECT count(*) FROM "+query).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

func TestPlaceConfirmsAndSellsUnits(t *testing.T) {
	t.Parallel()
	s := open(t)
	o := s.place(checkout.Request{Lines: lines("2", 1, "1", 1, "2", 2)})
	if o.Status != orderstore.StatusConfirmed || o.Version != 2 || o.UserID != 1 || o.Currency != "USD" || o.Total != 3*1950+99999 {
		t.Errorf("got order %+v", o)
	}
	want := []orderstore.Line{{ProductID: 2, Name: "Mouse", Quantity: 3, UnitPrice: 1950}, {ProductID: 1, Name: "Laptop", Quantity: 1, UnitPrice: 99999}}
	if !slices.Equal(o.Lines, want) {
		t.Errorf("got lines %+v", o.Lines)
	}
	if s.inventory.Available("1") != 4 || s.inventory.Available("2") != 97 || s.inventory.Status(id(o)) != "COMMITTED" {
		t.Errorf("got available %d and %d, reservation %s", s.inventory.Available("1"), s.inventory.Available("2"), s.inventory.Status(id(o)))
	}
	if n := s.count("event_outbox WHERE type = 'order.created'"); n != 1 {
		t.Errorf("got %d order.created, want 1", n)
	}
}

// The order records that its total is the expected one, and the key identifies
// the total, too.
func TestPlaceChargesTheExpectedTotal(t *testing.T) {
	t.Parallel()
	s := open(t)
	key := "k"
	request := checkout.Request{Lines: lines("2", 2), ExpectedTotal: dollars(3900), IdempotencyKey: &key}
	first := s.place(request)
	if again := s.place(request); first.Total != 3900 || again.ID != first.ID {
		t.Errorf("got orders %d and %d, total %d", first.ID, again.ID, first.Total)
	}
	if n := s.count(`order_events WHERE type = 'OrderPlaced' AND data->>'expectedTotal' = '3900'`); n != 1 {
		t.Errorf("got %d events with the expected total, want 1", n)
	}
	request.ExpectedTotal = dollars(3901)
	var reused *schema.Conflict
	if _, err := s.Place(t.Context(), anna, request); !errors.As(err, &reused) || reused.Code() != "IDEMPOTENCY_KEY_REUSED" {
		t.Errorf("the key with another total: got error %v", err)
	}
}

func dollars(cents int64) *schema.MoneyInput { return &schema.MoneyInput{MinorUnits: &cents} }

func id(o orderstore.Order) string { return strconv.FormatInt(o.ID, 10) }

func TestInvalidRequestsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	s := open(t)
	many := make([]checkout.RequestLine, 101)
	for i := range many {
		many[i] = checkout.RequestLine{ProductID: strconv.Itoa(i + 1), Quantity: 1}
	}
	empty := ""
	for _, test := range []struct {
		name   string
		caller identity.Caller
		checkout.Request
		want error
		says string
	}{
		{name: "no lines", caller: anna, Request: checkout.Request{}, want: &schema.InvalidInput{}, says: "lines has 0"},
		{name: "many lines", caller: anna, Request: checkout.Request{Lines: many}, want: &schema.InvalidInput{}, says: "lines has 101"},
		{name: "no units", caller: anna, Request: checkout.Request{Lines: lines("1", 0)}, want: &schema.InvalidInput{}, says: "lines.0.quantity is 0"},
		{name: "many units", caller: anna, Request: checkout.Request{Lines: lines("1", 600, "1", 401)}, want: &schema.InvalidInput{}, says: "lines.1.quantity brings the product to 1001"},
		{name: "empty key", caller: anna, Request: checkout.Request{Lines: lines("1", 1), IdempotencyKey: &empty}, want: &schema.InvalidInput{}, says: "idempotencyKey"},
		{name: "nobody's", caller: tutorial, Request: checkout.Request{Lines: lines("1", 1)}, want: &schema.InvalidInput{}, says: "userId is missing"},
		{name: "unknown user", caller: tutorial, Request: checkout.Request{UserID: "77", Lines: lines("1", 1)}, want: &schema.NotFound{}, says: `user "77"`},
		{name: "no id", caller: tutorial, Request: checkout.Request{UserID: "x", Lines: lines("1", 1)}, want: &schema.NotFound{}, says: `user "x"`},
		{name: "unknown product", caller: anna, Request: checkout.Request{Lines: lines("1", 1, "99", 1)}, want: &schema.NotFound{}, says: `product "99"`},
		{name: "retired product", caller: anna, Request: checkout.Request{Lines: lines("1", 1, "3", 1)}, want: &schema.InvalidInput{}, says: `lines.1.productId is "Walkman"`},
		{name: "two currencies", caller: anna, Request: checkout.Request{Lines: lines("1", 1, "4", 1)}, want: &schema.InvalidInput{}, says: "lines.1.productId is sold in EUR"},
		{name: "too dear", caller: anna, Request: checkout.Request{Lines: lines("5", 100)}, want: &schema.InvalidInput{}, says: "too large"},
		{name: "another total", caller: anna, Request: checkout.Request{Lines: lines("1", 1, "2", 2), ExpectedTotal: dollars(99999 + 2*1949)}, want: &schema.TotalChanged{}, says: "costs 1038.99 USD, not the expected 1038.97 USD"},
		{name: "another currency", caller: anna, Request: checkout.Request{Lines: lines("4", 1), ExpectedTotal: dollars(700)}, want: &schema.TotalChanged{}, says: "costs 7 EUR, not the expected 7 USD"},
		{name: "no total", caller: anna, Request: checkout.Request{Lines: lines("4", 1), ExpectedTotal: &schema.MoneyInput{Currency: "EUR"}}, want: &schema.InvalidInput{}, says: "expectedTotal has no amount"},
		{name: "for another", caller: anna, Request: checkout.Request{UserID: "2", Lines: lines("1", 1)}, want: &schema.Forbidden{}, says: "only for yourself"},
		{name: "not logged in", caller: identity.Caller{Anonymous: true}, Request: checkout.Request{Lines: lines("1", 1)}, want: &schema.Forbidden{}, says: "Log in"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := s.Place(t.Context(), test.caller, test.Request)
			if fmt.Sprintf("%T", err) != fmt.Sprintf("%T", test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got error %T: %v", err, err)
			}
		})
	}
	if s.count("order_events") != 0 || len(s.inventory.Calls()) != 0 {
		t.Error("a rejected request left rows")
	}
	if o, err := s.Place(t.Context(), admin, checkout.Request{UserID: "2", Lines: lines("1", 1)}); err != nil || o.UserID != 2 {
		t.Errorf("administrator for another user: got error %v", err)
	}
}

func TestOutOfStockRejectsTheOrder(t *testing.T) {
	t.Parallel()
	s := open(t)
	key := "k"
	for range 2 { // the second request uses the stored result
		_, err := s.Place(t.Context(), anna, checkout.Request{Lines: lines("1", 6, "2", 1), IdempotencyKey: &key})
		var short *schema.OutOfStock
		if !errors.As(err, &short) || len(short.Shortages) != 1 || *short.Shortages[0] != (schema.Shortage{ProductID: "1", Requested: 6, Available: 5}) {
			t.Fatalf("got error %T %v, want OutOfStock", err, err)
		}
	}
	if s.status(1) != orderstore.StatusRejected || s.inventory.Available("1") != 5 || s.count("event_outbox") != 0 || s.count("orders") != 1 {
		t.Errorf("got order %s, %d units free", s.status(1), s.inventory.Available("1"))
	}
}

func TestConcurrentCallsWithOneKeyPlaceOneOrder(t *testing.T) {
	t.Parallel()
	s := open(t)
	key := "k"
	ids := make([]int64, 12)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			o, err := s.Place(t.Context(), anna, checkout.Request{Lines: lines("1", 2), IdempotencyKey: &key})
			if err != nil {
				t.Error(err)
			}
			ids[i] = o.ID
		})
	}
	wg.Wait()
	if slices.Min(ids) != slices.Max(ids) || s.inventory.Available("1") != 3 || s.count("event_outbox") != 1 {
		t.Errorf("got orders %v, %d units free", ids, s.inventory.Available("1"))
	}
	_, err := s.Place(t.Context(), anna, checkout.Request{Lines: lines("1", 1), IdempotencyKey: &key})
	var conflict *schema.Conflict
	if !errors.As(err, &conflict) {
		t.Errorf("key with other lines: got error %T %v", err, err)
	}
}

// A retry does not miss the units that its own failed attempt still holds.
func TestRetryReleasesItsEarlierAttempt(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"ReserveStock", "CommitReservation"} {
		t.Run(operation, func(t *testing.T) {
			s := open(t)
			key := "k"
			request := checkout.Request{Lines: lines("1", 5), IdempotencyKey: &key} // all units
			s.inventory.Fail(func(called string) fake.Failure {
				if called == operation {
					return fake.NoResponse
				}
				return fake.Respond
			})
			var away *schema.Unavailable
			if _, err := s.Place(t.Context(), anna, request); !errors.As(err, &away) {
				t.Fatalf("got error %T %v, want Unavailable", err, err)
			}
			s.inventory.Fail(func(called string) fake.Failure {
				if called == "ReleaseReservation" {
					return fake.Unavailable
				}
				return fake.Respond
			})
			if _, err := s.Place(t.Context(), anna, request); !errors.As(err, &away) {
				t.Fatalf("while the units cannot be released: got error %T %v, want Unavailable", err, err)
			}
			s.inventory.Fail(nil)
			if o := s.place(request); o.ID != 2 || o.Status != orderstore.StatusConfirmed {
				t.Errorf("got order %d %s, want order 2 confirmed", o.ID, o.Status)
			}
			if err := s.Release(t.Context()); err != nil { // of the first order
				t.Error(err)
			}
			if got := s.inventory.Available("1"); got != 0 {
				t.Errorf("got %d units free, want 0", got)
			}
		})
	}
}

// Whichever step inventory fails at, nothing is ordered and nothing stays
// reserved. The same request succeeds once inventory is back.
func TestInventoryFailureRejectsAndReleases(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		operation string
		failure   fake.Failure
	}{
		{operation: "ReserveStock", failure: fake.Unavailable}, {operation: "ReserveStock", failure: fake.NoResponse},
		{operation: "CommitReservation", failure: fake.Unavailable}, {operation: "CommitReservation", failure: fake.NoResponse},
	} {
		t.Run(fmt.Sprintf("%s %d", test.operation, test.failure), func(t *testing.T) {
			s := open(t)
			key := "k"
			s.inventory.Fail(func(operation string) fake.Failure {
				if operation == test.operation {
					return test.failure
				}
				return fake.Respond
			})
			request := checkout.Request{Lines: lines("1", 2), IdempotencyKey: &key}
			_, err := s.Place(t.Context(), anna, request)
			var away *schema.Unavailable
			if !errors.As(err, &away) || away.RetryAfter < 1 {
				t.Fatalf("got error %T %v", err, err)
			}
			if s.status(1) != orderstore.StatusRejected || s.count("event_outbox") != 0 {
				t.Errorf("got order %s", s.status(1))
			}
			s.inventory.Fail(nil)
			if err := s.Release(t.Context()); err != nil {
				t.Error(err)
			}
			if s.inventory.Available("1") != 5 {
				t.Errorf("got %d free units, want 5", s.inventory.Available("1"))
			}
			if o := s.place(request); o.ID != 2 || o.Status != orderstore.StatusConfirmed || s.inventory.Available("1") != 3 {
				t.Errorf("afterwards: got order %d %s, %d units free", o.ID, o.Status, s.inventory.Available("1"))
			}
		})
	}
}

func TestOpenBreakerRecordsNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.inventory.Fail(func(string) fake.Failure { return fake.Unavailable })
	var recorded int
	for s.Inventory.Ready(inventoryclient.ReserveOperation) == nil {
		if recorded++; recorded > 20 {
			t.Fatal("the breaker did not open")
		}
		if _, err := s.Place(t.Context(), anna, checkout.Request{Lines: lines("1", 1)}); err == nil {
			t.Fatal("got no error")
		}
	}
	_, err := s.Place(t.Context(), anna, checkout.Request{Lines: lines("1", 1)})
	var away *schema.Unavailable
	if !errors.As(err, &away) || s.count("orders") != recorded {
		t.Errorf("got error %T %v, %d orders after %d", err, err, s.count("orders"), recorded)
	}
	if got := s.counts(); got["souk_orders_total inventory_away"] != 1 || got["souk_orders_total unavailable"] != float64(recorded) {
		t.Errorf("it counts %v", got)
	}
}

func TestPlaceIsUnavailableWithoutUserService(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.users.Fail(func(string) fake.Failure { return fake.Unavailable })
	_, err := s.Place(t.Context(), anna, checkout.Request{Lines: lines("1", 1)})
	var away *schema.Unavailable
	if !errors.As(err, &away) || !strings.Contains(away.Message, "user service") || s.count("orders") != 0 {
		t.Errorf("got error %T %v", err, err)
	}
	if got := s.counts()["souk_orders_total user_away"]; got != 1 {
		t.Errorf("it counts %v such orders", got)
	}
}

// An order with another total than the customer expects is not recorded, and is counted.
func TestOrdersWithAnotherTotalAreCounted(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, err := s.Place(t.Context(), anna, checkout.Request{Lines: lines("1", 1), ExpectedTotal: dollars(1)})
	var changed *schema.TotalChanged
	if !errors.As(err, &changed) || s.count("orders") != 0 {
		t.Errorf("got error %T %v and %d orders", err, err, s.count("orders"))
	}
	if got := s.counts(); got["souk_orders_total total_changed"] != 1 || got["souk_orders_total other_away"] != 0 {
		t.Errorf("it counts %v", got)
	}
}

// The cases are the states after a crash at each step, as in the table of the
// package documentation.
func TestRecoveryAfterCrashAtEachStep(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		before func(s *store, o orderstore.Order)
		after  orderstore.Status
		free   int
		keep   bool // the key still refers to the order
	}{
		{name: "after it was recorded", before: func(*store, orderstore.Order) {}, after: orderstore.StatusRejected, free: 5, keep: false},
		{name: "after the reservation", before: func(s *store, o orderstore.Order) { s.reserve(o) }, after: orderstore.StatusConfirmed, free: 3, keep: true},
		{name: "after the commit", before: func(s *store, o orderstore.Order) { s.reserve(o); s.commit(o) }, after: orderstore.StatusConfirmed, free: 3, keep: true},
		{name: "and the hold expired", before: func(s *store, o orderstore.Order) { s.reserve(o); s.inventory.Expire(id(o)) }, after: orderstore.StatusRejected, free: 5, keep: false},
	} {
		for _, how := range []string{"recovery", "repeated call"} {
			t.Run(test.name+", "+how, func(t *testing.T) {
				s := open(t)
				key := "k"
				request := checkout.Request{Lines: lines("1", 2), IdempotencyKey: &key}
				o := s.record(request)
				test.before(s, o)
				if how == "repeated call" { // a repeated call gets the order
					if got := s.place(request); got.ID != o.ID || got.Status != orderstore.StatusConfirmed || s.inventory.Available("1") != 3 {
						t.Errorf("got order %d %s, %d units free", got.ID, got.Status, s.inventory.Available("1"))
					}
					return
				}
				s.recover()
				if s.status(o.ID) != orderstore.StatusPending {
					t.Fatal("a new order was recovered as an unfinished one")
				}
				s.clock = s.clock.Add(30 * time.Second)
				s.recover()
				s.recover() // a second recovery changes nothing
				if s.status(o.ID) != test.after || s.inventory.Available("1") != test.free {
					t.Errorf("got %s with %d free, want %s with %d", s.status(o.ID), s.inventory.Available("1"), test.after, test.free)
				}
				created := map[bool]int{true: 1}[test.after == orderstore.StatusConfirmed]
				if n := s.count("event_outbox WHERE type = 'order.created'"); n != created {
					t.Errorf("got %d order.created", n)
				}
				if got := s.place(request); (got.ID == o.ID) != test.keep {
					t.Errorf("the repeated call returned order %d, first order %d", got.ID, o.ID)
				}
			})
		}
	}
}

// record performs step 1 only. It leaves the database as if the process had
// died then.
func (s *store) record(r checkout.Request) orderstore.Order {
	s.t.Helper()
	// Only the service can compute the hash that is stored with a key. So the
	// service places the order, and everything after step 1 is undone.
	o := s.place(r)
	var caller string
	var hash []byte
	if err := s.db.QueryRow(s.t.Context(), `SELECT caller, request FROM order_keys`).Scan(&caller, &hash); err != nil {
		s.t.Fatal(err)
	}
	for _, statement := range []string{
		`ALTER TABLE order_events DISABLE TRIGGER USER`, `DELETE FROM order_events`, `ALTER TABLE order_events ENABLE TRIGGER USER`,
		`DELETE FROM orders`, `DELETE FROM order_keys`, `DELETE FROM event_outbox`, `DELETE FROM stock_releases`,
		`DELETE FROM payment_tokens`, `DELETE FROM payment_tasks`,
	} {
		if _, err := s.db.Exec(s.t.Context(), statement); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.Inventory.Release(s.t.Context(), o.ID); err != nil {
		s.t.Fatal(err)
	}
	pending, _, err := s.Orders.Place(s.t.Context(), "1", &orderstore.IdempotencyKey{Caller: caller, Value: *r.IdempotencyKey, RequestHash: hash},
		orderstore.Placed{UserID: o.UserID, Currency: o.Currency, Lines: o.Lines, PaymentRequired: o.Payment != nil}, "")
	if err != nil {
		s.t.Fatal(err)
	}
	return pending
}

func (s *store) reserve(o orderstore.Order) {
	s.t.Helper()
	var wanted []inventoryclient.ReservationLineInput
	for _, line := range o.Lines {
		wanted = append(wanted, inventoryclient.ReservationLineInput{ProductId: strconv.FormatInt(line.ProductID, 10), Quantity: line.Quantity})
	}
	if err := s.Inventory.Reserve(s.t.Context(), o.ID, wanted, time.Minute); err != nil {
		s.t.Fatal(err)
	}
}

func (s *store) commit(o orderstore.Order) {
	s.t.Helper()
	if err := s.Inventory.Commit(s.t.Context(), o.ID); err != nil {
		s.t.Fatal(err)
	}
}

func (s *store) recover() {
	s.t.Helper()
	if err := s.Recover(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	if err := s.Release(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func TestRecoveryWaitsForInventory(t *testing.T) {
	t.Parallel()
	s := open(t)
	key := "k"
	o := s.record(checkout.Request{Lines: lines("1", 2), IdempotencyKey: &key})
	s.reserve(o)
	s.clock = s.clock.Add(30 * time.Second)
	s.inventory.Fail(func(string) fake.Failure { return fake.Unavailable })
	if err := s.Recover(t.Context()); err == nil || s.status(o.ID) != orderstore.StatusPending {
		t.Errorf("without inventory: got order %s, err %v", s.status(o.ID), err)
	}
}

// A call that expects another version does not know the state, whatever it asks for.
func TestStaleVersionGoesBeforeTheState(t *testing.T) {
	t.Parallel()
	s := openPaid(t)
	cancelled, shipped := s.place(checkout.Request{Lines: lines("1", 1)}), s.ship(s.place(checkout.Request{Lines: lines("1", 1)}))
	s.cancel(cancelled)
	for name, call := range map[string]func(version *int) error{
		"ship": func(version *int) error {
			_, err := s.Ship(t.Context(), admin, checkout.Shipping{ID: id(cancelled), ExpectedVersion: version})
			return err
		},
		"deliver": func(version *int) error {
			_, err := s.Deliver(t.Context(), admin, checkout.Delivery{ID: id(cancelled), ExpectedVersion: version})
			return err
		},
		"refund": func(version *int) error {
			_, err := s.Refund(t.Context(), admin, checkout.Refunding{ID: id(cancelled), ExpectedVersion: version})
			return err
		},
		"ship again with another number": func(version *int) error {
			_, err := s.Ship(t.Context(), admin, checkout.Shipping{ID: id(shipped), TrackingNumber: "T2", ExpectedVersion: version})
			return err
		},
		"cancel": func(version *int) error {
			_, err := s.Cancel(t.Context(), anna, checkout.Cancellation{ID: id(shipped), ExpectedVersion: version})
			return err
		},
	} {
		stale := 99
		for version, want := range map[*int]string{nil: "CONFLICT", &stale: "PRECONDITION_FAILED"} {
			var conflict *schema.Conflict
			if err := call(version); !errors.As(err, &conflict) || conflict.Code() != want {
				t.Errorf("%s with version %v: got error %v, want %s", name, version, err, want)
			}
		}
	}
}

func TestCancelReleasesUnitsOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	o := s.place(checkout.Request{Lines: lines("1", 2)})
	two, three, nine := 2, 3, 9
	cancel := func(caller identity.Caller, id string, version *int) (orderstore.Order, error) {
		return s.Cancel(t.Context(), caller, checkout.Cancellation{ID: id, Reason: "too big", ExpectedVersion: version})
	}
	for _, test := range []struct {
		name    string
		caller  identity.Caller
		id      string
		version *int
		want    error // nil: it is cancelled
	}{
		{name: "unknown", caller: anna, id: "99", version: nil, want: &schema.NotFound{}},
		{name: "no id", caller: anna, id: "abc", version: nil, want: &schema.NotFound{}},
		{name: "another's", caller: identity.Caller{UserID: "2"}, id: id(o), version: nil, want: &schema.NotFound{}},
		{name: "stale", caller: anna, id: id(o), version: &nine, want: &schema.Conflict{}},
		{name: "right", caller: anna, id: id(o), version: &two, want: nil},
		{name: "repeated", caller: anna, id: id(o), version: &two, want: nil},
		{name: "repeated later", caller: anna, id: id(o), version: &three, want: nil},
		{name: "repeated stale", caller: anna, id: id(o), version: &nine, want: &schema.Conflict{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := cancel(test.caller, test.id, test.version)
			if test.want != nil {
				if fmt.Sprintf("%T", err) != fmt.Sprintf("%T", test.want) {
					t.Errorf("got error %T %v", err, err)
				}
				return
			}
			if err != nil || got.Status != orderstore.StatusCancelled || got.Version != 3 || *got.CancelReason != "too big" {
				t.Errorf("got %+v, err %v", got, err)
			}
		})
	}
	var invalid *schema.InvalidInput
	if _, err := s.Cancel(t.Context(), anna, checkout.Cancellation{ID: id(o), Reason: strings.Repeat("x", 501)}); !errors.As(err, &invalid) {
		t.Errorf("reason that is too long: got error %T %v", err, err)
	}
	if s.inventory.Available("1") != 5 || s.count("stock_releases") != 0 || s.count("event_outbox WHERE type = 'order.cancelled'") != 1 {
		t.Errorf("got %d units free, %d releases left", s.inventory.Available("1"), s.count("stock_releases"))
	}
}

func TestCancelSucceedsWithoutInventory(t *testing.T) {
	t.Parallel()
	s := open(t)
	o := s.place(checkout.Request{Lines: lines("1", 2)})
	s.inventory.Fail(func(string) fake.Failure { return fake.Unavailable })
	if got, err := s.Cancel(t.Context(), anna, checkout.Cancellation{ID: id(o)}); err != nil || got.Status != orderstore.StatusCancelled {
		t.Fatalf("got %+v, err %v", got, err)
	}
	if s.inventory.Available("1") != 3 {
		t.Fatal("units were released although inventory was unavailable")
	}
	s.inventory.Fail(nil)
	s.clock = s.clock.Add(time.Hour) // the next attempt is due
	if err := s.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.inventory.Available("1") != 5 || s.count("stock_releases") != 0 {
		t.Errorf("got %d units free, %d releases left", s.inventory.Available("1"), s.count("stock_releases"))
	}
}

// A reservation may arrive after the first attempt to release its order.
func TestReleaseUndoesALateReservation(t *testing.T) {
	t.Parallel()
	s := open(t)
	o, _, err := s.Orders.Place(t.Context(), "1", nil, orderstore.Placed{UserID: 1, Currency: "USD", Lines: []orderstore.Line{{ProductID: 1, Name: "Laptop", Quantity: 2, UnitPrice: 1}}}, "")
	if err != nil {
		t.Fatal(err)
	}
	s.clock = s.clock.Add(30 * time.Second)
	s.recover()
	if s.status(o.ID) != orderstore.StatusRejected || s.count("stock_releases") != 1 {
		t.Fatalf("got order %s, %d releases", s.status(o.ID), s.count("stock_releases"))
	}
	s.reserve(o)
	s.clock = s.clock.Add(30 * time.Second)
	s.recover()
	if s.inventory.Available("1") != 5 || s.count("stock_releases") != 0 {
		t.Errorf("got %d units free, %d releases left", s.inventory.Available("1"), s.count("stock_releases"))
	}
	s.clock = s.clock.Add(2 * time.Minute)
	s.recover()
}
