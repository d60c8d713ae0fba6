package subgraphs_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs"
	"souk/subgraphs/internal/connection"
	"souk/subgraphs/notification/notifier"
	"souk/subgraphs/order/orderstore"
	"souk/subgraphs/product/catalogue"
	"souk/subgraphs/user/account"
)

// The size of the store that BenchmarkStore generates. If USER_DATABASE_URL and
// so on are set, it reads the store that `souk sample` filled there.
var (
	benchProducts = flag.Int("store.products", 2000, "how many products BenchmarkStore generates")
	benchOrders   = flag.Int("store.orders", 5000, "how many orders BenchmarkStore generates")
)

// BenchmarkStore measures the main reads of a shop. Besides the mean, it
// reports the median and the 95th percentile in milliseconds.
func BenchmarkStore(b *testing.B) {
	stores := benchStores(b)
	cpu := cpuClock(b, stores["product"])
	products, orders := catalogue.New(stores["product"], nil, time.Now), orderstore.New(stores["order"], time.Now)
	notifications, accounts := &notifier.Service{DB: stores["notification"]}, &account.Service{DB: stores["user"]}
	lastOrder := value[int64](b, stores["order"], `SELECT max(id) FROM orders`)
	lastUser := value[int64](b, stores["user"], `SELECT max(id) FROM users`)

	search := func(name string, words ...string) {
		measure(b, cpu, "search/"+name, func(ctx context.Context, i int) error {
			_, err := products.List(ctx, catalogue.Filter{Search: words[i%len(words)]}, catalogue.Relevance, connection.Arguments{}, false)
			return err
		})
	}
	search("known", strings.Split("laptop,mouse,keyboard,black,steel,coffee,green tea,wool,linen,headphones,knife,oak,kettle,lamp,norvik,wireless mouse,cast iron,walnut", ",")...)
	search("misspelt", strings.Split("labtop,latpop,keybord,hedphones,cofee,kettel,moniter,skilet,wirless mouse,wollen,kinfe,espreso,norvick,chiar", ",")...)
	search("unknown", strings.Split("zzzzqqqq,qwertzuiop,xqzv jkwq,blorptang,vvvvvv,hjklhjkl,laptop zzzzqqqq", ",")...)
	sku := value[string](b, stores["product"], `SELECT sku FROM products ORDER BY id DESC LIMIT 1`)
	search("sku", sku, sku[:len(sku)-2])

	list := func(name string, f catalogue.Filter, sort catalogue.Sort) {
		measure(b, cpu, "products/"+name, func(ctx context.Context, _ int) error {
			_, err := products.List(ctx, f, sort, connection.Arguments{}, false)
			return err
		})
	}
	list("newest", catalogue.Filter{}, catalogue.Newest)
	list("category", catalogue.Filter{Category: pointer("audio")}, catalogue.PriceAsc)
	list("tag", catalogue.Filter{Tag: pointer("steel")}, catalogue.Newest)

	page := func(name string, last int64, read func(context.Context, int64, connection.Page[int64]) error) {
		measure(b, cpu, name, func(ctx context.Context, i int) error {
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
			Products: *benchProducts, Users: max(20, *benchOrders/5), Orders: *benchOrders, Seed: 1, Now: sampleTime,
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

// measure runs a benchmark of a read, which gets the number of the call.
func measure(b *testing.B, cpu func() time.Duration, name string, read func(context.Context, int) error) {
	b.Run(name, func(b *testing.B) {
		var wall, processor []time.Duration
		for b.Loop() {
			var used time.Duration
			if cpu != nil {
				used = cpu()
			}
			began := time.Now()
			if err := read(b.Context(), len(wall)); err != nil {
				b.Fatal(err)
			}
			wall = append(wall, time.Since(began))
			if cpu != nil {
				processor = append(processor, cpu()-used)
			}
		}
		reportPercentiles(b, wall, "ms")
		reportPercentiles(b, processor, "cpu-ms")
	})
}

func reportPercentiles(b *testing.B, times []time.Duration, unit string) {
	slices.Sort(times)
	for _, percent := range []int{50, 95} {
		if len(times) > 0 {
			at := times[(len(times)-1)*percent/100]
			b.ReportMetric(float64(at.Microseconds())/1000, fmt.Sprintf("p%d-%s", percent, unit))
		}
	}
}
