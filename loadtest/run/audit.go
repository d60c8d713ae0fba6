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

// settling bounds how long the store may take to finish what outages held up:
// the longest is a notification whose sender died, which is taken over after a
// minute.
const settling = 150 * time.Second

// An auditor compares what customers were told with what there is.
type auditor struct {
	store     *dev.System
	databases map[string]*pgxpool.Pool
	before    map[int64]stock // when the load began
	ordered   map[int64]int64 // units in confirmed orders, then
}

type stock struct{ OnHand, Reserved, Sold int64 }

func newAuditor(ctx context.Context, store *dev.System) (a *auditor, err error) {
	a = &auditor{store: store, databases: map[string]*pgxpool.Pool{}}
	for _, name := range subgraphs.Names() {
		if a.databases[name], err = pgxpool.New(ctx, store.Variables(name)["DATABASE_URL"]); err != nil {
			return nil, fmt.Errorf("opening the database of %s: %w", name, err)
		}
	}
	if a.before, err = a.stock(ctx); err != nil {
		return nil, err
	}
	a.ordered, err = a.orderedUnits(ctx)
	return a, err
}

func (a *auditor) close() {
	for _, db := range a.databases {
		db.Close()
	}
}

// audit makes every check, and tells each outcome.
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
		{"the store comes to rest", a.rest},
		{"accepted orders are there with their events", func(ctx context.Context) (string, error) { return a.orders(ctx, ids) }},
		{"nothing is oversold", a.oversold},
		{"each customer was told once", func(ctx context.Context) (string, error) { return a.told(ctx, accepted) }},
		{"the cache says what the database says", a.cache},
		{"orders are what their events say", a.replay},
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

// rest waits until nothing is under way any more.
func (a *auditor) rest(ctx context.Context) (string, error) {
	under := []struct{ database, what, query string }{
		{"order", "pending orders", `select count(*) from orders where status = 'PENDING'`},
		{"order", "stock releases", `select count(*) from stock_releases`},
		{"notification", "unsent notifications", `select count(*) from notifications where status = 'PENDING'`},
		{"order", "events in the outbox of orders", `select count(*) from event_outbox where published_at is null`},
		{"inventory", "events in the outbox of inventory", `select count(*) from event_outbox where published_at is null`},
		{"product", "events in the outbox of products", `select count(*) from event_outbox where published_at is null`},
	}
	began := time.Now()
	err := poll(ctx, settling, func() error {
		for _, u := range under {
			n, err := a.count(ctx, u.database, u.query)
			if err != nil {
				return err
			}
			if n > 0 {
				return fmt.Errorf("%d %s", n, u.what)
			}
		}
		return a.allHeard(ctx)
	})
	return fmt.Sprintf("%.0f s after the load", time.Since(began).Seconds()), err
}

// allHeard says whether the notification service has handled every event that
// people are told of.
func (a *auditor) allHeard(ctx context.Context) error {
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
		err = fmt.Errorf("%d of %d events were handled by the notification service", heard, len(ids))
	}
	return err
}

// orders looks for accepted orders that are lost, were not confirmed, or were
// not announced exactly once.
func (a *auditor) orders(ctx context.Context, ids []int64) (string, error) {
	const whole = `
		select count(*) from orders o where id = any($1) and status = 'CONFIRMED'
		and (select array_agg(type order by version) from order_events e where e.order_id = o.id) = '{OrderPlaced,OrderConfirmed}'
		and (select array_agg(version order by version) from order_events e where e.order_id = o.id) = '{1,2}'
		and (select count(*) from event_outbox x where x.type = 'order.created' and x.subject = o.id::text) = 1`
	n, err := a.count(ctx, "order", whole, ids)
	if err == nil && n != len(ids) {
		err = fmt.Errorf("only %d of %d are whole", n, len(ids))
	}
	return fmt.Sprintf("%d confirmed, each placed, confirmed and announced once", n), err
}

// oversold compares units sold with units there were, and with confirmed orders.
func (a *auditor) oversold(ctx context.Context) (string, error) {
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
			wrong = append(wrong, fmt.Sprintf("product %d has %d units reserved for nobody", id, is.Reserved-was.Reserved))
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
		from orders, jsonb_array_elements(lines) l where status = 'CONFIRMED' group by 1`)
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

// told compares notifications and the inbox with the accepted orders. A sender
// that dies after the receiver took a message sends it again under the same
// Message-ID, by which receivers drop it: it is one message, and the repetition
// is told.
func (a *auditor) told(ctx context.Context, accepted []acceptedOrder) (string, error) {
	var messages []struct {
		ID, Channel, To string
		Deliveries      int
	}
	if err := a.get(ctx, a.store.URL("inbox")+"/api/messages", &messages); err != nil {
		return "", err
	}
	received, repeated := map[string]int{}, 0
	for _, m := range messages {
		if m.Channel == "email" {
			received[m.To]++
			repeated += m.Deliveries - 1
		}
	}
	for _, o := range accepted {
		n, err := a.count(ctx, "notification", `
			select count(*) from notifications where order_id = $1 and channel = 'email' and recipient = $2 and status = 'SENT'`, o.Order, o.Email)
		if err != nil {
			return "", err
		}
		if n != 1 || received[o.Email] != 1 {
			return "", fmt.Errorf("order %d: %d e-mails sent and %d received by %s, want 1", o.Order, n, received[o.Email], o.Email)
		}
	}
	return fmt.Sprintf("%d e-mails, none twice; deliveries repeated under the same Message-ID: %d", len(accepted), repeated), nil
}

// cache reads every product through the router, twice so that the second time
// is from its cache, and compares.
func (a *auditor) cache(ctx context.Context) (string, error) {
	levels, err := a.stock(ctx)
	if err != nil {
		return "", err
	}
	compared := 0
	for id, level := range levels {
		var price int64
		err := a.databases["product"].QueryRow(ctx, `select price_minor from products where id = $1`, id).Scan(&price)
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("reading product %d: %w", id, err)
		}
		for range 2 {
			got, err := a.product(ctx, id)
			if err != nil {
				return "", err
			}
			if got.Price.MinorUnits != price || got.Available != level.OnHand-level.Reserved || got.Stock.Sold != level.Sold {
				return "", fmt.Errorf("product %d: the router says %+v, the databases price %d and %+v", id, got, price, level)
			}
			compared++
		}
	}
	return fmt.Sprintf("%d answers compared", compared), nil
}

type productAnswer struct {
	Price     struct{ MinorUnits int64 }
	Available int64
	Stock     struct{ Sold int64 }
}

func (a *auditor) product(ctx context.Context, id int64) (productAnswer, error) {
	var answer struct {
		Data   struct{ Product productAnswer }
		Errors json.RawMessage
	}
	query := fmt.Sprintf(`{"query":"{ product(id: %d) { price { minorUnits } available stock { sold } } }"}`, id)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.store.URL("router")+"/graphql", strings.NewReader(query))
	if err != nil {
		return answer.Data.Product, fmt.Errorf("asking the router: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if err := fetch(req, &answer); err != nil {
		return answer.Data.Product, err
	}
	if answer.Errors != nil {
		return answer.Data.Product, fmt.Errorf("asking the router for product %d: %s", id, answer.Errors)
	}
	return answer.Data.Product, nil
}

func (a *auditor) replay(ctx context.Context) (string, error) {
	var log strings.Builder
	differences, err := a.store.ReplayOrders(ctx, &log)
	if err == nil && differences > 0 {
		err = fmt.Errorf("%d differences: %s", differences, log.String())
	}
	return "replaying every order finds no difference", err
}

func (a *auditor) count(ctx context.Context, database, query string, args ...any) (n int, err error) {
	if err := a.databases[database].QueryRow(ctx, query, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("asking the database of %s: %w", database, err)
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
