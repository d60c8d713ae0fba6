package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/dev"
	"souk/subgraphs"
)

// idleTimeout bounds how long the store may take to finish what outages
// delayed. The slowest is a notification whose sender died: another worker
// takes it over after a minute.
const idleTimeout = 150 * time.Second

// An auditor compares the responses and messages that customers got with the store's
// data.
type auditor struct {
	store           *dev.System
	databases       map[string]*pgxpool.Pool
	before          map[int64]stock // when the load started
	ordered         map[int64]int64 // units in confirmed orders at that time
	lastOrder       int64           // at that time
	skipGracePeriod bool            // does not wait for releases that are due after the grace period
}

type stock struct{ OnHand, Reserved, Sold int64 }

func newAuditor(ctx context.Context, store *dev.System) (a *auditor, err error) {
	a = &auditor{store: store, databases: map[string]*pgxpool.Pool{}}
	for _, name := range subgraphs.Names() {
		if a.databases[name], err = pgxpool.New(ctx, store.Variables(name)["DATABASE_URL"]); err != nil {
			return nil, fmt.Errorf("opening the database of %s: %w", name, err)
		}
	}
	if a.databases[payments], err = pgxpool.New(ctx, store.PaymentVariables()["DATABASE_URL"]); err != nil {
		return nil, fmt.Errorf("opening the database of the payments: %w", err)
	}
	if a.before, err = a.stock(ctx); err != nil {
		return nil, err
	}
	if a.ordered, err = a.orderedUnits(ctx); err != nil {
		return nil, err
	}
	last, err := a.count(ctx, "order", `select coalesce(max(id), 0) from orders`)
	a.lastOrder = int64(last)
	return a, err
}

func (a *auditor) close() {
	for _, db := range a.databases {
		db.Close()
	}
}

// audit runs every check and writes the results.
func (a *auditor) audit(ctx context.Context, out io.Writer, accepted []acceptedOrder) error {
	fmt.Fprintf(out, "\nAudit of %d accepted orders\n", len(accepted))
	if len(accepted) == 0 {
		return errors.New("no order was accepted, so there is nothing to audit")
	}
	var ids []int64
	for _, o := range accepted {
		ids = append(ids, o.Order)
	}
	checks := []struct {
		name  string
		check func(context.Context) (string, error)
	}{
		{"cached prices follow the database", func(ctx context.Context) (string, error) { return a.checkInvalidation(ctx, ids) }},
		{"the store becomes idle", a.awaitIdle},
		{"accepted orders exist with their events", func(ctx context.Context) (string, error) { return a.checkOrders(ctx, ids) }},
		{"no product is oversold", a.checkStock},
		{"every order has its money, and no money is without an order", a.checkMoney},
		{"each customer got one e-mail", func(ctx context.Context) (string, error) { return a.checkNotifications(ctx, accepted) }},
		{"the router agrees with the databases", a.checkRouter},
		{"orders match their events", a.checkReplay},
	}
	var failed []error
	for _, c := range checks {
		figures, err := c.check(ctx)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", c.name, err))
			fmt.Fprintf(out, "  FAILED  %s: %v\n", c.name, err)
			continue
		}
		fmt.Fprintf(out, "  ok      %s: %s\n", c.name, figures)
	}
	return errors.Join(failed...)
}

// awaitIdle waits until no work is pending.
func (a *auditor) awaitIdle(ctx context.Context) (string, error) {
	due := ""
	if a.skipGracePeriod { // orders that were out of stock have tasks that are due after a minute
		due = ` where attempts > 0 or due_at <= now()`
	}
	under := []struct{ database, what, query string }{
		{"order", "pending orders", `select count(*) from orders where status = 'PENDING'`},
		{"order", "stock releases", `select count(*) from stock_releases` + due},
		{"order", "payments to settle", `select count(*) from payment_tasks` + due},
		{"notification", "unsent notifications", `select count(*) from notifications where status = 'PENDING'`},
		{"order", "events in the outbox of orders", `select count(*) from event_outbox where published_at is null`},
		{"inventory", "events in the outbox of inventory", `select count(*) from event_outbox where published_at is null`},
		{"product", "events in the outbox of products", `select count(*) from event_outbox where published_at is null`},
	}
	began, last := time.Now(), errors.New("nothing")
	err := poll(ctx, idleTimeout, func() error {
		for _, u := range under {
			n, err := a.count(ctx, u.database, u.query)
			if err != nil {
				return err
			}
			if n > 0 {
				last = fmt.Errorf("%d %s", n, u.what)
				return last
			}
		}
		err := a.checkEventsHandled(ctx)
		if err != nil {
			last = err
		}
		return err
	})
	return fmt.Sprintf("%.0f s after the load; waited last for: %v", time.Since(began).Seconds(), last), err
}

// checkEventsHandled checks that the notification service has handled every
// event that customers are notified of.
func (a *auditor) checkEventsHandled(ctx context.Context) error {
	rows, err := a.databases["order"].Query(ctx, `select id::text from event_outbox where type in ('order.created', 'order.cancelled')`)
	if err != nil {
		return fmt.Errorf("reading the outbox of orders: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("reading the outbox of orders: %w", err)
	}
	heard, err := a.count(ctx, "notification", `select count(*) from processed_events where event_id = any($1)`, ids)
	if err == nil && heard != len(ids) {
		err = fmt.Errorf("the notification service has handled %d of %d events", heard, len(ids))
	}
	return err
}

// checkOrders looks for accepted orders that are lost, not confirmed, or not
// published exactly once.
func (a *auditor) checkOrders(ctx context.Context, ids []int64) (string, error) {
	const whole = `
		select count(*) from orders o where id = any($1) and status = 'CONFIRMED'
		and (select array_agg(type order by version) from order_events e where e.order_id = o.id) = '{OrderPlaced,PaymentAuthorized,OrderConfirmed}'
		and (select array_agg(version order by version) from order_events e where e.order_id = o.id) = '{1,2,3}'
		and (select count(*) from event_outbox x where x.type = 'order.created' and x.subject = o.id::text) = 1`
	n, err := a.count(ctx, "order", whole, ids)
	if err == nil && n != len(ids) {
		err = fmt.Errorf("only %d of %d are complete", n, len(ids))
	}
	return fmt.Sprintf("%d confirmed; each placed, confirmed and published once", n), err
}

// checkStock compares the units sold with the units that existed, and with
// confirmed orders.
func (a *auditor) checkStock(ctx context.Context) (string, error) {
	after, err := a.stock(ctx)
	if err != nil {
		return "", err
	}
	ordered, err := a.orderedUnits(ctx)
	if err != nil {
		return "", err
	}
	var sold int64
	var wrong []string
	for _, id := range slices.Sorted(maps.Keys(after)) {
		was, is := a.before[id], after[id]
		sold += is.Sold - was.Sold
		if is.OnHand < 0 || is.Reserved > is.OnHand || is.OnHand+is.Sold != was.OnHand+was.Sold {
			wrong = append(wrong, fmt.Sprintf("product %d had %+v and has %+v", id, was, is))
		}
		if is.Reserved != was.Reserved {
			wrong = append(wrong, fmt.Sprintf("product %d has %d reserved units that belong to no order", id, is.Reserved-was.Reserved))
		}
		if left, wanted := is.Sold-was.Sold, ordered[id]-a.ordered[id]; left != wanted {
			wrong = append(wrong, fmt.Sprintf("product %d: %d units sold, %d in confirmed orders", id, left, wanted))
		}
	}
	if wrong != nil {
		return "", errors.New(strings.Join(wrong, "; "))
	}
	return fmt.Sprintf("%d units of %d products sold, as many as in confirmed orders", sold, len(after)), nil
}

func (a *auditor) stock(ctx context.Context) (map[int64]stock, error) {
	rows, err := a.databases["inventory"].Query(ctx, `select product_id, on_hand, reserved, sold from stock_levels`)
	if err != nil {
		return nil, fmt.Errorf("reading the stock: %w", err)
	}
	all := map[int64]stock{}
	var id int64
	var s stock
	_, err = pgx.ForEachRow(rows, []any{&id, &s.OnHand, &s.Reserved, &s.Sold}, func() error {
		all[id] = s
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the stock: %w", err)
	}
	return all, nil
}

func (a *auditor) orderedUnits(ctx context.Context) (map[int64]int64, error) {
	rows, err := a.databases["order"].Query(ctx, `
		select (l->>'productId')::bigint, sum((l->>'quantity')::bigint)::bigint
		from orders, jsonb_array_elements(lines) l where status in ('CONFIRMED', 'SHIPPED', 'DELIVERED') group by 1`)
	if err != nil {
		return nil, fmt.Errorf("reading ordered units: %w", err)
	}
	units := map[int64]int64{}
	var id, n int64
	if _, err := pgx.ForEachRow(rows, []any{&id, &n}, func() error { units[id] = n; return nil }); err != nil {
		return nil, fmt.Errorf("reading ordered units: %w", err)
	}
	return units, nil
}

// checkNotifications compares notifications and the inbox with the orders
// confirmed since the load started. If a sender dies after the receiver
// accepted a message, another worker sends it again with the same Message-ID,
// so that receivers drop it. That counts as one message, and the repetition is
// reported.
func (a *auditor) checkNotifications(ctx context.Context, accepted []acceptedOrder) (string, error) {
	received, repeated, err := a.inbox(ctx)
	if err != nil {
		return "", err
	}
	confirmed, err := a.confirmed(ctx)
	if err != nil {
		return "", err
	}
	sent, err := a.sent(ctx, confirmed)
	if err != nil {
		return "", err
	}
	for _, id := range confirmed {
		if to := sent[id]; len(to) != 1 || received[to[0]] != 1 {
			return "", fmt.Errorf("order %d: e-mails to %q, of which %d were received, want 1", id, to, received[strings.Join(to, ", ")])
		}
	}
	for _, o := range accepted {
		if to := sent[o.Order]; len(to) != 1 || to[0] != o.Email {
			return "", fmt.Errorf("order %d: e-mails to %q, want one to %s", o.Order, to, o.Email)
		}
	}
	return fmt.Sprintf("%d e-mails, no duplicates; repeated deliveries with the same Message-ID: %d; confirmed orders whose customer got no response: %d",
		len(confirmed), repeated, len(confirmed)-len(accepted)), nil
}

// inbox counts the e-mails about orders for each address, and the repeated deliveries.
func (a *auditor) inbox(ctx context.Context) (received map[string]int, repeated int, err error) {
	var messages []struct {
		Channel, To, Subject string
		Deliveries           int
	}
	if err := a.get(ctx, a.store.URL("inbox")+"/api/messages", &messages); err != nil {
		return nil, 0, err
	}
	received = map[string]int{}
	for _, m := range messages {
		if m.Channel == "email" && strings.HasPrefix(m.Subject, "Your order ") {
			received[m.To]++
			repeated += m.Deliveries - 1
		}
	}
	return received, repeated, nil
}

// confirmed returns the orders confirmed since the load started.
func (a *auditor) confirmed(ctx context.Context) ([]int64, error) {
	rows, err := a.databases["order"].Query(ctx, `select id from orders where status = 'CONFIRMED' and id > $1`, a.lastOrder)
	if err != nil {
		return nil, fmt.Errorf("reading confirmed orders: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("reading confirmed orders: %w", err)
	}
	return ids, nil
}

// sent returns the addresses to which e-mails about each order were sent.
func (a *auditor) sent(ctx context.Context, orders []int64) (map[int64][]string, error) {
	rows, err := a.databases["notification"].Query(ctx, `
		select order_id, recipient from notifications where channel = 'email' and status = 'SENT' and order_id = any($1)`, orders)
	if err != nil {
		return nil, fmt.Errorf("reading notifications: %w", err)
	}
	sent := map[int64][]string{}
	var order int64
	var recipient string
	_, err = pgx.ForEachRow(rows, []any{&order, &recipient}, func() error {
		sent[order] = append(sent[order], recipient)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading notifications: %w", err)
	}
	return sent, nil
}

func (a *auditor) checkReplay(ctx context.Context) (string, error) {
	var log strings.Builder
	differences, err := a.store.ReplayOrders(ctx, &log)
	if err == nil && differences > 0 {
		err = fmt.Errorf("%d differences: %s", differences, log.String())
	}
	return "replaying all orders finds no difference", err
}

func (a *auditor) count(ctx context.Context, database, query string, args ...any) (n int, err error) {
	if err := a.databases[database].QueryRow(ctx, query, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("querying the database of %s: %w", database, err)
	}
	return n, nil
}

func (a *auditor) get(ctx context.Context, url string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("reading %s: %w", url, err)
	}
	return fetch(req, answer)
}

func fetch(req *http.Request, answer any) error {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("reading %s: %w", req.URL, err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(answer); err != nil {
		return fmt.Errorf("reading %s: status %d: %w", req.URL, res.StatusCode, err)
	}
	return nil
}
