package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"souk/dev"
)

// The audit passes for an intact store and detects each kind of damage that it checks
// for.
func TestAuditDetectsTampering(t *testing.T) {
	t.Parallel()
	store, err := dev.Start(t.Context(), dev.Options{Listen: "127.0.0.1:0", AuthMode: "tutorial"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Stop(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	a, err := newAuditor(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	a.skipGracePeriod = true
	var accepted []acceptedOrder
	for i := range 6 {
		accepted = append(accepted, buy(t, store, fmt.Sprintf("buyer%d", i), int64(i+1)))
	}
	if err := a.audit(t.Context(), io.Discard, accepted); err != nil {
		t.Fatal(err)
	}
	if err := a.audit(t.Context(), io.Discard, nil); err == nil {
		t.Error("an audit without orders passes")
	}
	if err := a.orderedPrices(t.Context(), accepted[5].Order); err != nil { // this caches the price
		t.Fatal(err)
	}

	for i, harm := range []struct {
		name, database, how string
		notices             func(context.Context, acceptedOrder) error
	}{
		{name: "an order without its event", database: "order", how: `delete from event_outbox where type = 'order.created' and subject = $1::text`,
			notices: func(ctx context.Context, o acceptedOrder) error {
				_, err := a.checkOrders(ctx, []int64{o.Order})
				return err
			}},
		{name: "units that were sold without an order", database: "inventory", how: `update stock_levels set on_hand = on_hand - 1, sold = sold + 1 where product_id = 1 and $1::bigint > 0`,
			notices: func(ctx context.Context, _ acceptedOrder) error { _, err := a.checkStock(ctx); return err }},
		{name: "an e-mail that is missing", database: "notification", how: `update notifications set status = 'DEAD' where order_id = $1::bigint`,
			notices: func(ctx context.Context, o acceptedOrder) error {
				_, err := a.checkNotifications(ctx, []acceptedOrder{o})
				return err
			}},
		{name: "an event that was not consumed", database: "notification", how: `delete from processed_events where event_id = (select event_id::text from notifications where order_id = $1::bigint)`,
			notices: func(ctx context.Context, _ acceptedOrder) error { return a.checkEventsHandled(ctx) }},
		{name: "an order that differs from its events", database: "order", how: `update orders set status = 'CANCELLED' where id = $1::bigint`,
			notices: func(ctx context.Context, _ acceptedOrder) error { _, err := a.checkReplay(ctx); return err }},
		{name: "a stale price in the cache", database: "product", how: `update products set price_minor = price_minor + 1 where id = 6 and $1::bigint > 0`,
			notices: func(ctx context.Context, o acceptedOrder) error { return a.orderedPrices(ctx, o.Order) }},
	} {
		tag, err := a.databases[harm.database].Exec(t.Context(), harm.how, strconv.FormatInt(accepted[i].Order, 10))
		if err != nil || tag.RowsAffected() == 0 {
			t.Fatalf("%s: got %v, err %v", harm.name, tag, err)
		}
		if err := harm.notices(t.Context(), accepted[i]); err == nil {
			t.Errorf("%s is not detected", harm.name)
		}
	}
}

// buy signs up a customer and orders one unit.
func buy(t *testing.T, store *dev.System, name string, product int64) acceptedOrder {
	t.Helper()
	email := name + "@example.com"
	var user, order struct{ ID int64 }
	body := fmt.Sprintf(`{"username":%q,"email":%q}`, name, email)
	if err := post(t.Context(), store.URL("router")+"/api/users", strings.NewReader(body), &user); err != nil || user.ID == 0 {
		t.Fatalf("signing up: %v", err)
	}
	body = fmt.Sprintf(`{"userId":%d,"productId":%d,"quantity":1}`, user.ID, product)
	if err := post(t.Context(), store.URL("router")+"/api/orders", strings.NewReader(body), &order); err != nil || order.ID == 0 {
		t.Fatalf("ordering: %v", err)
	}
	return acceptedOrder{Order: order.ID, Product: product, Email: email}
}
