package order

import (
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/graphql"
	"souk/subgraphs/internal/peer"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/internal/session"
	"souk/subgraphs/order/checkout"
	"souk/subgraphs/order/graph"
	"souk/subgraphs/order/inventoryclient"
	"souk/subgraphs/order/orderstore"
	"souk/subgraphs/order/payment"
	"souk/subgraphs/order/productclient"
	"souk/subgraphs/order/userclient"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Migrations returns the service's SQL migrations (NNN_name.sql, tern's format).
func Migrations() fs.FS {
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the pattern above embeds the directory
	}
	return files
}

// Run runs the service until ctx ends.
func Run(ctx context.Context, env server.Environment) error {
	return server.Run(ctx, env, Migrations(), build)
}

const (
	consumerGroup = "order"
	// variablePaymentURL is the variable with the payment provider's base URL,
	// variablePaymentKey that with its API key.
	variablePaymentURL = "PAYMENT_URL"
	variablePaymentKey = "PAYMENT_API_KEY"
)

func build(_ context.Context, r server.Resources) (*server.Service, error) {
	provider, err := paymentProvider(r)
	if err != nil {
		return nil, err
	}
	transport := r.Telemetry.Transport(peer.Transport())
	orders := orderstore.New(r.DB, r.Now)
	watcher := orderstore.NewWatcher(r.DB, r.Logger)
	users := userclient.New(r.Services["user"], r.ServiceToken, transport)
	sessions := session.New(session.FromUserService(r.Services["user"], r.ServiceToken, transport), r.Logger)
	service := &checkout.Service{
		Orders:    orders,
		Inventory: inventoryclient.New(r.Services["inventory"], r.ServiceToken, transport),
		Products:  productclient.New(r.Services["product"], r.ServiceToken, transport),
		Users:     users,
		Payments:  provider,
		Metrics:   checkout.NewMetrics(r.Telemetry.Registry),
		Now:       r.Now,
		Logger:    r.Logger,
	}
	schema := graph.NewExecutableSchema(graph.Config{Resolvers: &graph.Resolver{OrderStore: orders, Checkout: service, Watcher: watcher, Sessions: sessions}})
	authenticator := graphql.Authenticator(r)
	return &server.Service{
		Handler: graphql.New(r, schema, authenticator),
		Workers: []func(context.Context) error{
			watcher.Run, sessions.Run, service.Work, authenticator.KeepKeys,
			r.Events.Consume(events.Consumer{Group: consumerGroup, Types: []string{events.UserErased}, Handler: service.HandleErasure}),
		},
		Orders: countOrders(orders),
	}, nil
}

// paymentProvider returns the payment provider that the environment configures,
// or nil.
func paymentProvider(r server.Resources) (payment.Provider, error) {
	base, _ := r.Lookup(variablePaymentURL)
	if base == "" {
		r.Logger.Warn("payment is disabled, so orders are confirmed without it; to enable it, set PAYMENT_URL, such as http://payment:8080")
		return nil, nil
	}
	if u, err := url.Parse(base); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("PAYMENT_URL is %q; set it to a base URL, such as http://payment:8080", base)
	}
	key, _ := r.Lookup(variablePaymentKey)
	return payment.NewClient(base, key, r.Telemetry.Transport(peer.Transport())), nil
}

// countOrders returns a function that counts orders by state, such as
// confirmed, for the console.
func countOrders(orders *orderstore.Store) func(context.Context, int64) (map[string]int64, error) {
	return func(ctx context.Context, limit int64) (map[string]int64, error) {
		counts, err := orders.CountByStatus(ctx, limit)
		if err != nil {
			return nil, err
		}
		states := make(map[string]int64, len(counts))
		for status, count := range counts {
			states[strings.ToLower(string(status))] = count
		}
		return states, nil
	}
}

// Replay rebuilds all orders from their events, compares them with the table
// that reads use, writes every difference to w and returns how many there are.
// It calls progress, unless it is nil, from time to time. It changes nothing.
func Replay(ctx context.Context, db *pgxpool.Pool, w io.Writer, progress func(orders, events int)) (differences int, err error) {
	return orderstore.Replay(ctx, db, w, progress)
}

// Rebuild does what Replay does, and corrects the table that reads use. It
// also returns how many orders it had to leave, because their events are
// invalid.
func Rebuild(ctx context.Context, db *pgxpool.Pool, w io.Writer, progress func(orders, events int)) (differences, left int, err error) {
	return orderstore.Rebuild(ctx, db, w, progress)
}
