package order

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/sample"
	"souk/subgraphs/order/orderstore"
)

// The size of the sample: how many orders, by how many users, in how many days.
const (
	seedOrders = 160
	seedUsers  = 20 // users 1 to 20
	seedDays   = 60
)

// seedDelivered is the age from which the orders of the sample are delivered.
const seedDelivered = 3 * 24 * time.Hour

// Seed fills an empty, migrated database with the orders of the sample store.
// A database that has orders stays unchanged. The sample stock already reflects
// these orders, so Seed reserves nothing and publishes no events.
func Seed(ctx context.Context, db *pgxpool.Pool) error {
	store, err := sample.Load()
	if err != nil {
		return err
	}
	_, err = orderstore.Import(ctx, db, pastOrders(store.Products, time.Now()))
	return err
}

// pastOrders generates orders. They are the same in every call, except for
// their times, which are relative to now.
func pastOrders(products []sample.Product, now time.Time) []orderstore.PastOrder {
	random := rand.New(rand.NewPCG(2026, 11))
	step := seedDays * 24 * time.Hour / seedOrders
	orders := make([]orderstore.PastOrder, 0, seedOrders)
	for i := range seedOrders {
		age := time.Duration(seedOrders-i)*step - time.Duration(random.Int64N(int64(step/2)))
		user := 1 + random.Int64N(seedUsers)
		placed := orderstore.Placed{UserID: user, Currency: sample.Currency, Lines: pastLines(random, products, age)}
		if len(placed.Lines) == 0 {
			continue
		}
		at := now.Add(-age)
		var past orderstore.PastOrder
		add := func(e orderstore.Event, after time.Duration) {
			past.Events = append(past.Events, orderstore.PastEvent{Event: e, At: at.Add(after), Actor: strconv.FormatInt(user, 10)})
		}
		add(placed, 0)
		switch n := random.IntN(100); {
		case n < 4:
			line := placed.Lines[0]
			add(orderstore.Rejected{
				Reason:    orderstore.OutOfStock,
				Message:   fmt.Sprintf("Product %q is out of stock.", strconv.FormatInt(line.ProductID, 10)),
				Shortages: []orderstore.Shortage{{ProductID: strconv.FormatInt(line.ProductID, 10), Requested: line.Quantity}},
			}, 80*time.Millisecond)
		case n < 14:
			add(orderstore.Confirmed{}, 90*time.Millisecond)
			reasons := []string{"", "Ordered by mistake", "Found it elsewhere", "Takes too long"}
			add(orderstore.Cancelled{Reason: reasons[random.IntN(len(reasons))]}, min(age/2, time.Duration(1+random.IntN(40))*time.Hour))
		default:
			add(orderstore.Confirmed{}, 90*time.Millisecond)
			if age > seedDelivered {
				add(orderstore.Shipped{Carrier: "Souk Post", TrackingNumber: fmt.Sprintf("SP%010d", i+1)}, time.Duration(2+i%20)*time.Hour)
				add(orderstore.Delivered{}, time.Duration(30+i%30)*time.Hour)
			}
		}
		orders = append(orders, past)
	}
	return orders
}

// pastLines picks up to four different products that already existed age ago.
func pastLines(random *rand.Rand, products []sample.Product, age time.Duration) []orderstore.Line {
	var lines []orderstore.Line
	picked := map[int]bool{}
	for range 1 + random.IntN(4) {
		i := random.IntN(len(products))
		if p := products[i]; p.Age > age && !picked[i] {
			picked[i] = true
			lines = append(lines, orderstore.Line{ProductID: p.ID, Name: p.Name, Quantity: 1 + random.IntN(3)*random.IntN(2), UnitPrice: p.Cents})
		}
	}
	return lines
}
