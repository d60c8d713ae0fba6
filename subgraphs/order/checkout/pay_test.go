package checkout_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"

	"souk/subgraphs/order/checkout"
	"souk/subgraphs/order/internal/fake"
	"souk/subgraphs/order/inventoryclient"
	"souk/subgraphs/order/orderstore"
	"souk/subgraphs/order/payment"
	"souk/subgraphs/order/payment/simulator"
	"souk/subgraphs/order/payment/simulatortest"
)

// paidStore is a store whose orders must be paid.
type paidStore struct {
	*store
	provider *simulatortest.Provider
}

func openPaid(t *testing.T) *paidStore {
	t.Helper()
	s := &paidStore{store: open(t), provider: simulatortest.Start(t)}
	s.Payments = payment.NewClient(s.provider.URL, simulatortest.APIKey, nil)
	return s
}

// order returns an order in its present state.
func (s *paidStore) order(id int64) orderstore.Order {
	s.t.Helper()
	o, err := s.Orders.Order(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return o
}

// paid returns the states of an order, of its payment in its events, and of its
// payment at the provider.
func (s *paidStore) paid(id int64) string {
	s.t.Helper()
	o := s.order(id)
	return fmt.Sprintf("%s %s %s", o.Status, o.Payment.Status, s.provider.Payments(s.t)[fmt.Sprint(id)].Status)
}

func (s *paidStore) history(id int64) string {
	s.t.Helper()
	records, err := s.Orders.History(s.t.Context(), []int64{id})
	if err != nil {
		s.t.Fatal(err)
	}
	var types []string
	for _, r := range records[id] {
		types = append(types, r.Type)
	}
	return strings.Join(types, " ")
}

// work does what is due until nothing is, an hour later.
func (s *paidStore) work() {
	s.t.Helper()
	s.clock = s.clock.Add(time.Hour)
	s.recover()
	s.settle()
}

func (s *paidStore) settle() {
	s.t.Helper()
	if err := s.Settle(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *paidStore) cancel(o orderstore.Order) {
	s.t.Helper()
	if _, err := s.Cancel(s.t.Context(), anna, checkout.Cancellation{ID: id(o)}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *paidStore) ship(o orderstore.Order) orderstore.Order {
	s.t.Helper()
	shipped, err := s.Ship(s.t.Context(), admin, checkout.Shipping{ID: id(o), Carrier: "Post", TrackingNumber: "T1"})
	if err != nil {
		s.t.Fatal(err)
	}
	return shipped
}

func TestAnOrdersLife(t *testing.T) {
	t.Parallel()
	s := openPaid(t)
	address := orderstore.Address{Name: "Ada", Line1: "Main 1", City: "Ulm", PostalCode: "89073", Country: "DE"}
	o := s.place(checkout.Request{Lines: lines("1", 2), ShippingAddress: &address})
	if got := s.paid(o.ID); got != "CONFIRMED AUTHORIZED AUTHORIZED" || *o.ShippingAddress != address {
		t.Errorf("placed: %s, %+v", got, o)
	}
	if p := s.provider.Payments(t)[id(o)]; p.Amount != o.Total || p.Currency != "USD" {
		t.Errorf("the payment is %+v", p)
	}
	if n := s.count("payment_tokens"); n != 0 {
		t.Error("the token is still there")
	}
	if _, err := s.Deliver(t.Context(), admin, checkout.Delivery{ID: id(o)}); err == nil {
		t.Error("an order was delivered that is not shipped")
	}
	for _, caller := range []identity.Caller{anna, {UserID: "2"}} {
		if _, err := s.Ship(t.Context(), caller, checkout.Shipping{ID: id(o)}); err == nil {
			t.Errorf("user %s shipped an order", caller.UserID)
		}
	}
	for range 2 { // the second time changes nothing
		if o = s.ship(o); o.Status != orderstore.StatusShipped || o.Shipment.TrackingNumber != "T1" || o.Version != 5 {
			t.Errorf("shipped: %+v", o)
		}
	}
	var conflict *schema.Conflict
	if _, err := s.Cancel(t.Context(), anna, checkout.Cancellation{ID: id(o)}); !errors.As(err, &conflict) || !strings.Contains(conflict.Message, "shipped") {
		t.Errorf("cancelling after shipping: %v", err)
	}
	if got := s.paid(o.ID); got != "SHIPPED CAPTURED CAPTURED" {
		t.Errorf("shipped: %s", got)
	}
	stale := 9
	if _, err := s.Deliver(t.Context(), admin, checkout.Delivery{ID: id(o), ExpectedVersion: &stale}); !errors.As(err, &conflict) {
		t.Errorf("a stale version: %v", err)
	}
	for range 2 {
		version := 5
		got, err := s.Deliver(t.Context(), admin, checkout.Delivery{ID: id(o), ExpectedVersion: &version})
		if err != nil || got.Status != orderstore.StatusDelivered || got.Shipment.DeliveredAt == nil {
			t.Errorf("delivered: %+v, %v", got, err)
		}
	}
	for range 2 {
		got, err := s.Refund(t.Context(), admin, checkout.Refunding{ID: id(o), Reason: "broken"})
		if err != nil || got.Payment.Status != orderstore.StatusRefunded {
			t.Errorf("refunded: %+v, %v", got, err)
		}
	}
	if got := s.paid(o.ID); got != "DELIVERED REFUNDED REFUNDED" {
		t.Errorf("refunded: %s", got)
	}
	const want = "OrderPlaced PaymentAuthorized OrderConfirmed OrderShipped PaymentCaptured OrderDelivered RefundRequested PaymentRefunded"
	if got := s.history(o.ID); got != want {
		t.Errorf("history: %s", got)
	}
	for _, kind := range []string{"order.created", "order.shipped", "order.paid", "order.delivered", "order.refunded"} {
		if n := s.count("event_outbox WHERE type = '" + kind + "'"); n != 1 {
			t.Errorf("%d %s, not 1", n, kind)
		}
	}
}

func TestDeclinedPaymentOrdersNothing(t *testing.T) {
	t.Parallel()
	s := openPaid(t)
	key := "k"
	for range 2 { // the second time from memory
		_, err := s.Place(t.Context(), anna, checkout.Request{Lines: lines("1", 2), PaymentToken: "test-insufficient-funds", IdempotencyKey: &key})
		var declined *schema.PaymentDeclined
		if !errors.As(err, &declined) || declined.Reason != "insufficient_funds" {
			t.Fatalf("%T %v", err, err)
		}
	}
	if n := s.inventory.Available("1"); n != 5 { // without the worker
		t.Errorf("after the response, %d units are free, want 5", n)
	}
	s.work()
	if got := s.paid(1); got != "REJECTED DECLINED DECLINED" || s.inventory.Available("1") != 5 || s.count("orders") != 1 || s.count("payment_tokens") != 0 {
		t.Errorf("%s, %d free", got, s.inventory.Available("1"))
	}
	// Another means of payment is another request.
	another := "another"
	if o := s.place(checkout.Request{Lines: lines("1", 2), IdempotencyKey: &another}); o.Status != orderstore.StatusConfirmed {
		t.Errorf("%+v", o)
	}
}

// Whichever way the provider fails, nothing is ordered and no money is held.
// The same request succeeds once the provider is back.
func TestProviderFailureRejectsAndVoids(t *testing.T) {
	t.Parallel()
	for _, mode := range []simulator.Mode{simulator.Unavailable, simulator.Timeout, simulator.Silent, simulator.Late} {
		t.Run(string(mode), func(t *testing.T) {
			s := openPaid(t)
			s.provider.SetFaults(t, simulator.Fault{Operation: "authorize", Mode: mode, Delay: simulator.Duration(8 * time.Second)})
			key := "k"
			request := checkout.Request{Lines: lines("1", 2), IdempotencyKey: &key}
			_, err := s.Place(t.Context(), anna, request)
			var away *schema.Unavailable
			if !errors.As(err, &away) || !strings.Contains(away.Message, "payment") {
				t.Fatalf("%T %v", err, err)
			}
			s.provider.SetFaults(t)
			s.work()
			o := s.order(1)
			if state := s.provider.Payments(t)["1"].Status; o.Status != orderstore.StatusRejected || state == payment.Authorized || s.inventory.Available("1") != 5 {
				t.Errorf("%s, %s at the provider, %d free", o.Status, state, s.inventory.Available("1"))
			}
			if n := s.count("payment_tasks"); n != 0 {
				t.Errorf("%d payment tasks are left", n)
			}
			if mode == simulator.Late { // the authorisation arrives after the void
				if _, err := s.Payments.Void(t.Context(), "order-1-"+fmt.Sprint(o.PlacedAt.UnixMicro())); err != nil {
					t.Error(err)
				}
			}
			if o := s.place(request); o.ID != 2 || o.Status != orderstore.StatusConfirmed || s.inventory.Available("1") != 3 {
				t.Errorf("afterwards: order %d is %s", o.ID, o.Status)
			}
		})
	}
}

// The cases are the states after a crash at each step, as in the table of the
// package documentation.
func TestPaidRecoveryAfterCrashAtEachStep(t *testing.T) {
	t.Parallel()
	reserve := func(s *paidStore, o orderstore.Order) { s.reserve(o) }
	authorize := func(s *paidStore, o orderstore.Order) {
		err := s.Payments.Authorize(s.t.Context(), payment.Authorization{
			Key: fmt.Sprintf("order-%d-%d", o.ID, o.PlacedAt.UnixMicro()), Amount: o.Total, Currency: o.Currency, Reference: id(o),
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	note := func(s *paidStore, o orderstore.Order) {
		_, err := s.Orders.Change(s.t.Context(), o.ID, "system", func(orderstore.Order) (orderstore.Event, error) {
			return orderstore.PaymentAuthorized{}, nil
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	commit := func(s *paidStore, o orderstore.Order) { s.commit(o) }
	expire := func(s *paidStore, o orderstore.Order) { s.inventory.Expire(id(o)) }
	type steps []func(*paidStore, orderstore.Order)
	for _, test := range []struct {
		name  string
		steps steps
		want  string // after recovery; a repeated call always confirms
	}{
		{name: "1 recorded", steps: steps{}, want: "REJECTED UNPAID "},
		{name: "2 reserved", steps: steps{reserve}, want: "CONFIRMED AUTHORIZED AUTHORIZED"},
		{name: "3 authorised", steps: steps{reserve, authorize}, want: "CONFIRMED AUTHORIZED AUTHORIZED"},
		{name: "4 authorisation recorded", steps: steps{reserve, authorize, note}, want: "CONFIRMED AUTHORIZED AUTHORIZED"},
		{name: "5 committed", steps: steps{reserve, authorize, note, commit}, want: "CONFIRMED AUTHORIZED AUTHORIZED"},
		{name: "3 and the hold expired", steps: steps{reserve, authorize, expire}, want: "REJECTED VOIDED VOIDED"},
		{name: "4 and the hold expired", steps: steps{reserve, authorize, note, expire}, want: "REJECTED VOIDED VOIDED"},
	} {
		for _, how := range []string{"recovery", "repeated call"} {
			t.Run(test.name+", "+how, func(t *testing.T) {
				s := openPaid(t)
				key := "k"
				request := checkout.Request{Lines: lines("1", 2), IdempotencyKey: &key}
				o := s.record(request)
				for _, step := range test.steps {
					step(s, o)
				}
				if how == "repeated call" {
					if got := s.place(request); got.ID != o.ID || s.paid(o.ID) != "CONFIRMED AUTHORIZED AUTHORIZED" || s.inventory.Available("1") != 3 {
						t.Errorf("order %d: %s", got.ID, s.paid(got.ID))
					}
					return
				}
				s.work()
				s.work() // once more changes nothing
				if got := s.paid(o.ID); got != test.want {
					t.Errorf("%q, want %q: %s", got, test.want, s.history(o.ID))
				}
				free := map[bool]int{true: 3, false: 5}[strings.HasPrefix(test.want, "CONFIRMED")]
				if s.inventory.Available("1") != free || s.count("payment_tasks") != 0 || s.count("payment_tokens") != 0 {
					t.Errorf("%d free, %d tasks, %d tokens", s.inventory.Available("1"), s.count("payment_tasks"), s.count("payment_tokens"))
				}
			})
		}
	}
}

// What the provider cannot do now is done later, and once: whether the
// provider failed before or after it took effect, or this process died before
// it could record it.
func TestPaymentTasksAreRepeated(t *testing.T) {
	t.Parallel()
	for _, action := range []struct {
		operation string
		start     func(*paidStore, orderstore.Order)
		before    string
		after     string
	}{
		{operation: "capture", before: "SHIPPED AUTHORIZED", after: "SHIPPED CAPTURED CAPTURED", start: func(s *paidStore, o orderstore.Order) { s.ship(o) }},
		{operation: "void", before: "CANCELLED AUTHORIZED", after: "CANCELLED VOIDED VOIDED", start: (*paidStore).cancel},
		{operation: "refund", before: "SHIPPED REFUNDING", after: "SHIPPED REFUNDED REFUNDED", start: func(s *paidStore, o orderstore.Order) {
			s.ship(o)
			if _, err := s.Refund(s.t.Context(), admin, checkout.Refunding{ID: id(o)}); err != nil {
				s.t.Fatal(err)
			}
		}},
	} {
		for _, mode := range []simulator.Mode{simulator.Unavailable, simulator.Timeout, simulator.Silent} {
			t.Run(action.operation+" "+string(mode), func(t *testing.T) {
				s := openPaid(t)
				o := s.place(checkout.Request{Lines: lines("1", 2)})
				s.provider.SetFaults(t, simulator.Fault{Operation: action.operation, Mode: mode})
				action.start(s, o)
				if got := s.paid(o.ID); !strings.HasPrefix(got, action.before) {
					t.Fatalf("%s, not yet %s", got, action.before)
				}
				s.provider.SetFaults(t)
				s.work()
				s.work()
				if got := s.paid(o.ID); got != action.after || s.count("payment_tasks") != 0 {
					t.Errorf("%q, want %q; %d tasks", got, action.after, s.count("payment_tasks"))
				}
				if h := strings.Fields(s.history(o.ID)); len(slices.Compact(slices.Sorted(slices.Values(h)))) != len(h) {
					t.Errorf("an event is there twice: %s", h)
				}
			})
		}
	}
}

// However often the provider fails and callers repeat themselves, the longest
// life of an order has nine events.
func TestRetriesAppendNoEvents(t *testing.T) {
	t.Parallel()
	s := openPaid(t)
	o := s.place(checkout.Request{Lines: lines("1", 2)})
	repeat := func(operation string, call func() (orderstore.Order, error)) {
		t.Helper()
		for _, mode := range []simulator.Mode{simulator.Unavailable, simulator.Silent, ""} {
			s.provider.SetFaults(t)
			s.Payments = payment.NewClient(s.provider.URL, simulatortest.APIKey, nil) // whose circuit breaker is closed
			if mode != "" {
				s.provider.SetFaults(t, simulator.Fault{Operation: operation, Mode: mode})
			}
			for range 4 {
				if _, err := call(); err != nil {
					t.Fatal(err)
				}
				s.clock = s.clock.Add(time.Hour)
				_ = s.Settle(t.Context()) // fails while the provider does
				s.recover()
			}
		}
	}
	repeat("capture", func() (orderstore.Order, error) {
		return s.Ship(t.Context(), admin, checkout.Shipping{ID: id(o), Carrier: "Post", TrackingNumber: "T1"})
	})
	repeat("capture", func() (orderstore.Order, error) { return s.Deliver(t.Context(), admin, checkout.Delivery{ID: id(o)}) })
	repeat("refund", func() (orderstore.Order, error) {
		return s.Refund(t.Context(), admin, checkout.Refunding{ID: id(o), Reason: "broken"})
	})
	for range 3 {
		if err := s.Orders.Erase(t.Context(), o.ID, "system"); err != nil {
			t.Fatal(err)
		}
	}
	const want = "OrderPlaced PaymentAuthorized OrderConfirmed OrderShipped PaymentCaptured OrderDelivered RefundRequested PaymentRefunded PersonalDataErased"
	if got := s.history(o.ID); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestRefusedCaptureIsRecorded(t *testing.T) {
	t.Parallel()
	s := openPaid(t)
	o := s.ship(s.place(checkout.Request{Lines: lines("1", 1), PaymentToken: "test-capture-refused"}))
	s.work()
	if got := s.paid(o.ID); got != "SHIPPED FAILED VOIDED" || s.count("event_outbox WHERE type = 'order.paid'") != 0 {
		t.Error(got)
	}
	if got, want := s.history(o.ID), "OrderPlaced PaymentAuthorized OrderConfirmed OrderShipped PaymentFailed PaymentVoided"; got != want {
		t.Errorf("got the history %s, want %s", got, want)
	}
	if n := s.count("event_outbox WHERE type = 'payment.failed' AND data->>'reason' = 'capture_refused'"); n != 1 {
		t.Errorf("payment.failed was published %d times", n)
	}
	if n := s.count("payment_tasks"); n != 0 {
		t.Errorf("%d payment tasks are left", n)
	}
	want := map[string]float64{
		"souk_payments_total captured": 0, "souk_payments_total failed": 1, "souk_payments_total refunded": 0, "souk_payments_total voided": 1,
		"souk_orders_total confirmed": 1, "souk_orders_total out_of_stock": 0, "souk_orders_total payment_declined": 0, "souk_orders_total total_changed": 0,
		"souk_orders_total unavailable": 0, "souk_orders_total abandoned": 0, "souk_orders_total inventory_away": 0, "souk_orders_total payment_away": 0,
		"souk_orders_total product_away": 0, "souk_orders_total user_away": 0, "souk_orders_total other_away": 0,
	}
	if got := s.counts(); !maps.Equal(got, want) {
		t.Errorf("got metrics %v, want %v", got, want)
	}
}

// counts returns the counters by name and result.
func (s *store) counts() map[string]float64 {
	s.t.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			all[f.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
	}
	return all
}

// A placement whose order a concurrent call rejected leaves no money behind.
func TestALateAuthorizationIsTakenBack(t *testing.T) {
	t.Parallel()
	s := openPaid(t)
	s.provider.SetFaults(t, simulator.Fault{Operation: "authorize", Mode: simulator.Late, Delay: simulator.Duration(time.Second), Times: 1})
	done := make(chan error)
	go func() {
		_, err := s.Place(t.Context(), anna, checkout.Request{Lines: lines("1", 2)})
		done <- err
	}()
	for s.provider.Used(t) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	_, err := s.Orders.Change(t.Context(), 1, "system", func(orderstore.Order) (orderstore.Event, error) {
		return orderstore.Rejected{Reason: orderstore.Abandoned}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var away *schema.Unavailable
	if err := <-done; !errors.As(err, &away) {
		t.Errorf("%T %v", err, err)
	}
	s.work()
	if state := s.provider.Payments(t)["1"].Status; state == payment.Authorized || s.inventory.Available("1") != 5 || s.count("payment_tasks") != 0 {
		t.Errorf("%s at the provider, %d free", state, s.inventory.Available("1"))
	}
}

func TestAddressesAreChecked(t *testing.T) {
	t.Parallel()
	s := openPaid(t)
	good := orderstore.Address{Name: "Ada", Line1: "Main 1", City: "Ulm", Country: "DE"}
	for name, spoil := range map[string]func(*orderstore.Address){
		"name": func(a *orderstore.Address) { a.Name = " " }, "line1": func(a *orderstore.Address) { a.Line1 = "" },
		"line2": func(a *orderstore.Address) { a.Line2 = strings.Repeat("x", 101) }, "city": func(a *orderstore.Address) { a.City = "U\x00lm" },
		"postalCode": func(a *orderstore.Address) { a.PostalCode = strings.Repeat("9", 21) }, "region": func(a *orderstore.Address) { a.Region = "a\nb" },
		"country": func(a *orderstore.Address) { a.Country = "Germany" },
	} {
		a := good
		spoil(&a)
		var invalid *schema.InvalidInput
		_, err := s.Place(t.Context(), anna, checkout.Request{Lines: lines("1", 1), ShippingAddress: &a})
		if !errors.As(err, &invalid) || len(invalid.Fields) != 1 || invalid.Fields[0].Path != "shippingAddress."+name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestErasureEmptiesEveryOrder(t *testing.T) {
	t.Parallel()
	s := openPaid(t)
	address := orderstore.Address{Name: "Ada Lovelace", Line1: "Main 1", City: "Ulm", Country: "DE"}
	key := "my own key"
	request := checkout.Request{Lines: lines("2", 1), ShippingAddress: &address, IdempotencyKey: &key}
	confirmed := s.place(request)
	request.IdempotencyKey = nil
	shipped := s.ship(s.place(request))
	cancelled := s.place(request)
	if _, err := s.Cancel(t.Context(), anna, checkout.Cancellation{ID: id(cancelled), Reason: "Ada moved"}); err != nil {
		t.Fatal(err)
	}
	other, err := s.Place(t.Context(), identity.Caller{UserID: "2"}, request)
	if err != nil {
		t.Fatal(err)
	}
	pending, _, err := s.Orders.Place(t.Context(), "1", nil, orderstore.Placed{UserID: 1, Currency: "USD", Lines: confirmed.Lines, ShippingAddress: &address}, "")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := s.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	event := events.Event{Type: events.UserErased, Data: json.RawMessage(`{"userId": "1"}`)}
	if err := errors.Join(s.HandleErasure(t.Context(), tx, event), tx.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Erase(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.work()
	}
	// What an administrator writes afterwards is about the same person.
	if _, err := s.Deliver(t.Context(), admin, checkout.Delivery{ID: id(shipped)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Refund(t.Context(), admin, checkout.Refunding{ID: id(shipped), Reason: "Ada Lovelace complained"}); err != nil {
		t.Fatal(err)
	}
	s.work()
	if n := s.count(`event_outbox WHERE type IN ('order.delivered', 'order.refunded') AND data::text ~ '"T1"|Lovelace'`); n != 0 {
		t.Errorf("%d events on the bus have personal data of an erased order", n)
	}
	for o, want := range map[int64]string{
		confirmed.ID: "CANCELLED VOIDED VOIDED", shipped.ID: "DELIVERED REFUNDED REFUNDED", cancelled.ID: "CANCELLED VOIDED VOIDED",
		other.ID: "CONFIRMED AUTHORIZED AUTHORIZED",
	} {
		if got := s.paid(o); got != want || s.order(o).Total != 1950 {
			t.Errorf("order %d: %q, want %q", o, got, want)
		}
	}
	if s.order(pending.ID).Status != orderstore.StatusRejected {
		t.Errorf("the pending order is %s", s.order(pending.ID).Status)
	}
	for _, table := range []string{"order_events WHERE order_id <> %[1]d AND", "orders WHERE id <> %[1]d AND", "order_keys WHERE %[1]d > 0 AND"} {
		name, _, _ := strings.Cut(table, " ")
		if n := s.count(fmt.Sprintf(table, other.ID) + " " + name + `::text ~ 'Lovelace|moved|"T1"|my own key'`); n != 0 {
			t.Errorf("%s has personal data in %d rows", name, n)
		}
	}
	if s.order(other.ID).ShippingAddress == nil || s.count("erasures WHERE done_at IS NULL") != 0 {
		t.Error("another user's address is gone, or the erasure is not done")
	}
	if s.inventory.Available("2") != 98 {
		t.Errorf("%d free, not 98", s.inventory.Available("2"))
	}
}

// However inventory and the provider fail, in the end every order has its
// money and its units, and there are neither without an order.
func TestBooksBalanceAfterRandomFailures(t *testing.T) {
	t.Parallel()
	s := openPaid(t)
	random := rand.New(rand.NewPCG(7, 13))
	var placed []orderstore.Order
	for i := range 40 {
		s.inventory.Fail(func(string) fake.Failure {
			return []fake.Failure{fake.Respond, fake.Respond, fake.Respond, fake.Respond, fake.Respond, fake.Respond, fake.NoResponse, fake.Unavailable}[random.IntN(8)]
		})
		mode := []simulator.Mode{simulator.Unavailable, simulator.Late, simulator.Silent, ""}[random.IntN(4)]
		if s.provider.SetFaults(t); mode != "" {
			s.provider.SetFaults(t, simulator.Fault{Mode: mode, Times: 1 + random.IntN(4)})
		}
		token := []string{"", "", "", "test-declined"}[random.IntN(4)]
		o, err := s.Place(t.Context(), anna, checkout.Request{Lines: lines("2", 1+i%3), PaymentToken: token})
		if err != nil {
			continue
		}
		placed = append(placed, o)
		switch random.IntN(3) {
		case 0:
			s.ship(o)
		case 1:
			if _, err := s.Cancel(t.Context(), anna, checkout.Cancellation{ID: id(o)}); err != nil {
				t.Error(err)
			}
		}
	}
	s.inventory.Fail(nil)
	s.provider.SetFaults(t)
	for deadline := time.Now().Add(time.Minute); !s.closed(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a circuit breaker stays open")
		}
	}
	for range 3 {
		s.work()
	}
	if len(placed) == 0 || s.count("payment_tasks") != 0 || s.count("stock_releases") != 0 {
		t.Fatalf("%d orders, %d payment tasks, %d releases", len(placed), s.count("payment_tasks"), s.count("stock_releases"))
	}
	checkBooks(t, s)
}

// closed reports whether all circuit breakers are closed.
func (s *paidStore) closed() bool {
	return s.Payments.Ready(payment.Authorize, payment.Capture, payment.Void, payment.Refund) == nil &&
		s.Inventory.Ready(inventoryclient.ReserveOperation, inventoryclient.CommitOperation, inventoryclient.ReleaseOperation, inventoryclient.StatusOperation) == nil
}

// A provider that fails at one operation does the others: orders are placed
// while it captures, voids or refunds nothing, and what is due otherwise is
// done.
func TestProviderOperationsFailByThemselves(t *testing.T) {
	t.Parallel()
	for _, failing := range []payment.Operation{payment.Capture, payment.Void, payment.Refund} {
		t.Run(failing, func(t *testing.T) {
			s := openPaid(t)
			start := map[payment.Operation]func(orderstore.Order){
				payment.Capture: func(o orderstore.Order) { s.ship(o) },
				payment.Void:    func(o orderstore.Order) { s.cancel(o) },
				payment.Refund: func(o orderstore.Order) {
					s.ship(o)
					if _, err := s.Refund(t.Context(), admin, checkout.Refunding{ID: id(o)}); err != nil {
						t.Fatal(err)
					}
				},
			}
			s.provider.SetFaults(t, simulator.Fault{Operation: failing, Mode: simulator.Unavailable})
			for n := 0; s.Payments.Ready(failing) == nil; n++ {
				if n == 20 {
					t.Fatal("the breaker did not open")
				}
				start[failing](s.place(checkout.Request{Lines: lines("2", 1)}))
			}
			other := payment.Void
			if failing == payment.Void {
				other = payment.Capture
			}
			o := s.place(checkout.Request{Lines: lines("2", 1)})
			start[other](o)
			if got, want := s.provider.Payments(t)[fmt.Sprint(o.ID)].Status, map[payment.Operation]payment.Status{payment.Void: payment.Voided, payment.Capture: payment.Captured}[other]; got != want {
				t.Errorf("while %s fails, the payment is %s, not %s", failing, got, want)
			}
		})
	}
}

// TestSettleGoesOnAfterAFailure: voids that are due do not wait for captures
// that fail.
func TestSettleGoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	s := openPaid(t)
	s.provider.SetFaults(t, simulator.Fault{Mode: simulator.Unavailable, Operation: payment.Capture}, simulator.Fault{Mode: simulator.Unavailable, Operation: payment.Void})
	shipped, cancelled := s.place(checkout.Request{Lines: lines("2", 1)}), s.place(checkout.Request{Lines: lines("2", 1)})
	s.ship(shipped)
	s.cancel(cancelled)
	s.provider.SetFaults(t, simulator.Fault{Mode: simulator.Unavailable, Operation: payment.Capture})
	s.clock = s.clock.Add(time.Hour)
	if err := s.Settle(t.Context()); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("order %d", shipped.ID)) {
		t.Errorf("got error %v, want that of order %d", err, shipped.ID)
	}
	if got := s.provider.Payments(t)[fmt.Sprint(cancelled.ID)].Status; got != payment.Voided {
		t.Errorf("the payment of the cancelled order is %s", got)
	}
}

func checkBooks(t *testing.T, s *paidStore) {
	t.Helper()
	payments := s.provider.Payments(t)
	want := map[orderstore.Status]payment.Status{
		orderstore.StatusConfirmed: payment.Authorized, orderstore.StatusShipped: payment.Captured, orderstore.StatusCancelled: payment.Voided,
	}
	free := 100
	for n := range int64(s.count("orders")) {
		o := s.order(n + 1)
		p := payments[id(o)]
		if o.Status == orderstore.StatusRejected {
			if p.Status == payment.Authorized || p.Status == payment.Captured {
				t.Errorf("order %d was rejected, but its payment is %s", o.ID, p.Status)
			}
			continue
		}
		if p.Status != want[o.Status] || p.Amount != o.Total || string(o.Payment.Status) != string(p.Status) {
			t.Errorf("order %d is %s and %s, its payment %+v", o.ID, o.Status, o.Payment.Status, p)
		}
		if o.Status != orderstore.StatusCancelled {
			free -= o.Lines[0].Quantity
		}
	}
	if got := s.inventory.Available("2"); got != free {
		t.Errorf("%d units are free, not %d", got, free)
	}
}
