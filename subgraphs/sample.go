package subgraphs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"souk/subgraphs/internal/sample/shop"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/inventory"
	"souk/subgraphs/notification"
	"souk/subgraphs/order"
	"souk/subgraphs/product"
	"souk/subgraphs/user"
)

// PaymentDatabase is the name of the database of the simulated payment
// provider, beside those of Names.
const PaymentDatabase = "payment"

// SampleOptions are the size of a generated store.
type SampleOptions struct {
	Products, Users, Orders int
	// Seed selects the content. The same options give the same data, relative to
	// Now.
	Seed uint64
	Now  time.Time
	// NotifiedSince is the time from which customers have been notified of their
	// orders. Notifications are most of the data.
	NotifiedSince time.Time
	// Add fills a store that has data, too. Otherwise Sample refuses that.
	Add bool
	// Report receives what was done; nil for none.
	Report func(string)
}

// Check returns an error if no store can have these options.
func (o SampleOptions) Check() error {
	return shop.Options{Products: o.Products, Users: o.Users, Orders: o.Orders}.Check()
}

// parallel is how many databases Sample fills at once. Each takes one core in
// this process and one in Postgres.
const parallel = 2

// Sample migrates the databases of a store, by name, and fills them with a
// generated shop. No events are published and nothing is left to do for the
// orders. If it fails, some of the databases may be filled. No service should
// be running.
func Sample(ctx context.Context, databases map[string]*pgxpool.Pool, o SampleOptions) error {
	if o.Report == nil {
		o.Report = func(string) {}
	}
	if err := o.Check(); err != nil {
		return err
	}
	if err := migrateAll(ctx, databases); err != nil {
		return err
	}
	if !o.Add {
		if err := requireEmpty(ctx, databases); err != nil {
			return err
		}
		if err := user.Seed(ctx, databases["user"]); err != nil {
			return err
		}
	}
	s, err := newShop(ctx, databases, o)
	if err != nil {
		return err
	}
	steps := []struct {
		database, what string
		fill           func(context.Context, *pgxpool.Pool) error
	}{
		{"order", fmt.Sprintf("%d orders with their events", o.Orders), func(ctx context.Context, db *pgxpool.Pool) error { return order.Generate(ctx, db, s) }},
		{"product", fmt.Sprintf("%d products", o.Products), func(ctx context.Context, db *pgxpool.Pool) error { return product.Generate(ctx, db, s) }},
		{"inventory", "their stock, and the reservations of the orders", func(ctx context.Context, db *pgxpool.Pool) error { return inventory.Generate(ctx, db, s) }},
		{PaymentDatabase, "the payments of the orders", func(ctx context.Context, db *pgxpool.Pool) error { return order.GeneratePayments(ctx, db, s) }},
		{"notification", "notifications since " + o.NotifiedSince.Format(time.DateOnly), func(ctx context.Context, db *pgxpool.Pool) error {
			return notification.Generate(ctx, db, s, o.NotifiedSince)
		}},
		{"user", fmt.Sprintf("%d users", o.Users), func(ctx context.Context, db *pgxpool.Pool) error { return user.Generate(ctx, db, s) }},
	}
	var reporting sync.Mutex
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(parallel)
	for _, step := range steps {
		work.Go(func() error {
			began := time.Now()
			if err := step.fill(ctx, databases[step.database]); err != nil {
				return fmt.Errorf("filling the database of %s: %w", step.database, err)
			}
			reporting.Lock()
			defer reporting.Unlock()
			o.Report(fmt.Sprintf("%-13s %s, in %.1f s", step.database, step.what, time.Since(began).Seconds()))
			return nil
		})
	}
	return work.Wait()
}

func migrateAll(ctx context.Context, databases map[string]*pgxpool.Pool) error {
	for name, migrations := range map[string]fs.FS{
		"user": user.Migrations(), "inventory": inventory.Migrations(), "product": product.Migrations(),
		"order": order.Migrations(), "notification": notification.Migrations(),
	} {
		if err := server.Migrate(ctx, databases[name], migrations, slog.New(slog.DiscardHandler)); err != nil {
			return fmt.Errorf("migrating the database of %s: %w", name, err)
		}
	}
	return nil
}

// contents names the tables that make a store non-empty.
var contents = []struct{ database, table string }{
	{"product", "products"}, {"user", "users"}, {"inventory", "stock_levels"}, {"order", "order_events"}, {"notification", "notifications"},
}

func requireEmpty(ctx context.Context, databases map[string]*pgxpool.Pool) error {
	var filled []string
	for _, c := range contents {
		var used bool
		if err := databases[c.database].QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+c.table+`)`).Scan(&used); err != nil {
			return fmt.Errorf("reading the database of %s: %w", c.database, err)
		}
		if used {
			filled = append(filled, c.table)
		}
	}
	if filled != nil {
		return fmt.Errorf("the store is not empty: it has %s; use --add to add to it", strings.Join(filled, ", "))
	}
	return nil
}

// newShop returns the shop that takes the IDs after those in use.
func newShop(ctx context.Context, databases map[string]*pgxpool.Pool, o SampleOptions) (*shop.Shop, error) {
	last := func(database, sequence string) (id int64, err error) {
		err = databases[database].QueryRow(ctx, `SELECT coalesce(pg_sequence_last_value(`+sequence+`::regclass), 0)`).Scan(&id)
		return id, err
	}
	products, err1 := last("product", `pg_get_serial_sequence('products', 'id')`)
	users, err2 := last("user", `pg_get_serial_sequence('users', 'id')`)
	orders, err3 := last("order", `'order_ids'`)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("reading the highest IDs: %w", err)
	}
	return shop.New(shop.Options{
		Seed: o.Seed, Products: o.Products, Users: o.Users, Orders: o.Orders, Now: o.Now,
		LastProduct: products, LastUser: users, LastOrder: orders,
	})
}
