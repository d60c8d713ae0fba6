package subgraphs_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/internal/bench"
	"souk/subgraphs"
	"souk/subgraphs/internal/connection"
	"souk/subgraphs/notification/notifier"
	"souk/subgraphs/order/orderstore"
	"souk/subgraphs/product/catalogue"
	"souk/subgraphs/user/account"
)

// BenchmarkStore measures the main reads of a shop. If USER_DATABASE_URL and so
// on are set, it reads the store that `souk sample` filled there.
func BenchmarkStore(b *testing.B) {
	stores := benchStores(b)
	cpu := bench.NewClock(b, stores["product"])
	products, orders := catalogue.New(stores["product"], nil, time.Now), orderstore.New(stores["order"], time.Now)
	notifications, accounts := &notifier.Service{DB: stores["notification"]}, &account.Service{DB: stores["user"]}
	lastOrder := value[int64](b, stores["order"], `SELECT max(id) FROM orders`)
	lastUser := value[int64](b, stores["user"], `SELECT max(id) FROM users`)

	sku := value[string](b, stores["product"], `SELECT sku FROM products ORDER BY id DESC LIMIT 1`)
	for _, s := range bench.Searches(sku) {
		search := func(name string, sort catalogue.Sort, count bool) {
			bench.Measure(b, cpu, name+"/"+s.Name, func(ctx context.Context, i int) error {
				_, err := products.List(ctx, catalogue.Filter{Search: s.Terms[i%len(s.Terms)]}, sort, connection.Arguments{}, count)
				return err
			})
		}
		search("search", catalogue.Relevance, false)
		search("search-by-price", catalogue.PriceAsc, false)
		search("search-with-total", catalogue.Relevance, true)
	}

	list := func(name string, f catalogue.Filter, sort catalogue.Sort) {
		bench.Measure(b, cpu, "products/"+name, func(ctx context.Context, _ int) error {
			_, err := products.List(ctx, f, sort, connection.Arguments{}, false)
			return err
		})
	}
	list("all", catalogue.Filter{}, catalogue.Relevance)
	list("newest", catalogue.Filter{}, catalogue.Newest)
	list("category", catalogue.Filter{Category: pointer("audio")}, catalogue.PriceAsc)
	list("tag", catalogue.Filter{Tag: pointer("steel")}, catalogue.Newest)

	page := func(name string, last int64, read func(context.Context, int64, connection.Page[int64]) error) {
		bench.Measure(b, cpu, name, func(ctx context.Context, i int) error {
			at := last * int64(1+i*7919%1000) / 1001 // anywhere
			return read(ctx, at, connection.Page[int64]{Size: 20})
		})
	}
	page("orders/all", lastOrder, func(ctx context.Context, at int64, p connection.Page[int64]) error {
		p.After = &at
		_, err := orders.Page(ctx, orderstore.Filter{}, p)
		return err
	})
	page("orders/user", lastUser, func(ctx context.Context, user int64, p connection.Page[int64]) error {
		_, err := orders.Page(ctx, orderstore.Filter{UserID: &user}, p)
		return err
	})
	page("orders/status", lastOrder, func(ctx context.Context, at int64, p connection.Page[int64]) error {
		p.After = &at
		_, err := orders.Page(ctx, orderstore.Filter{Status: pointer(orderstore.StatusCancelled)}, p)
		return err
	})
	page("notifications/user", lastUser, func(ctx context.Context, user int64, p connection.Page[int64]) error {
		_, err := notifications.Page(ctx, notifier.Filter{UserID: &user}, p)
		return err
	})
	page("users/all", lastUser, func(ctx context.Context, at int64, p connection.Page[int64]) error {
		p.After = &at
		_, err := accounts.List(ctx, p, nil)
		return err
	})
}

func benchStores(b *testing.B) map[string]*pgxpool.Pool {
	b.Helper()
	if os.Getenv("ORDER_DATABASE_URL") == "" {
		stores := databases(b)
		fill(b, stores, subgraphs.SampleOptions{
			Products: *bench.Products, Users: max(20, *bench.Orders/5), Orders: *bench.Orders, Seed: 1, Now: sampleTime,
			NotifiedSince: sampleTime.AddDate(0, 0, -90),
		})
		return stores
	}
	stores := map[string]*pgxpool.Pool{}
	for _, name := range subgraphs.Names() {
		db, err := pgxpool.New(b.Context(), os.Getenv(strings.ToUpper(name)+"_DATABASE_URL"))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(db.Close)
		stores[name] = db
	}
	return stores
}
