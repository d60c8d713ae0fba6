package subgraphs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs"
	"souk/subgraphs/internal/connection"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/inventory/stock"
	"souk/subgraphs/notification/notifier"
	"souk/subgraphs/order/orderstore"
	"souk/subgraphs/product/catalogue"
	"souk/subgraphs/user/account"
)

// growing are the tables that grow with the shop.
var growing = map[string]bool{
	"products": true, "tagged_products": true, "product_words": true, "users": true, "stock_levels": true, "reservations": true, "reservation_lines": true,
	"orders": true, "order_events": true, "notifications": true, "event_outbox": true,
}

// maxRead is how many rows of a growing table a statement may read for a page
// of 20, unless a case says otherwise. Filters that few rows do not pass, and
// reads of what is under a row of the page, leave room to 20.
const maxRead = 150

// threeUsers is how many rows of three users may be read.
const threeUsers = 300

// read is a read of a service, in a store that planStore filled.
type read struct {
	name     string
	database string
	run      func(context.Context, *pgxpool.Pool) error
	most     int // replaces maxRead
	// replanned says that (with connection.Planned) Postgres plans the statements for their arguments in
	// each call, so that the number of rows of a general plan says nothing.
	replanned bool
}

// Reads of a shop neither read a growing table as a whole nor walk along an
// index of it, whether Postgres plans them for their arguments or in general.
func TestReadsUseIndexes(t *testing.T) {
	stores := databases(t)
	fill(t, stores, subgraphs.SampleOptions{
		Products: 4000, Users: 800, Orders: 5000, Seed: 5, Now: sampleTime, NotifiedSince: sampleTime.AddDate(0, 0, -300),
	})
	reads := slices.Concat(productReads(), orderReads(), notificationReads(), otherReads())
	for _, mode := range []string{"auto", "force_generic_plan"} {
		explained := map[string]*explainer{}
		for name, db := range stores {
			explained[name] = newExplainer(t, db, mode)
		}
		for _, r := range reads {
			t.Run(mode+"/"+r.name, func(t *testing.T) { explained[r.database].check(t, r, mode) })
		}
	}
}

func pointer[T any](v T) *T { return &v }

// first and after are arguments of pages: the first one, and one in the middle.
func productReads() (reads []read) {
	list := func(name string, f catalogue.Filter, sort catalogue.Sort, most int) {
		reads = append(reads, read{name: name, database: "product", most: most, replanned: true, run: func(ctx context.Context, db *pgxpool.Pool) error {
			c := catalogue.New(db, nil, time.Now)
			l, err := c.List(ctx, f, sort, connection.Arguments{}, false)
			if err != nil || l.Info.EndCursor == nil {
				return err
			}
			if _, err = c.List(ctx, f, sort, connection.Arguments{After: l.Info.EndCursor}, false); err != nil {
				return err
			}
			_, err = c.List(ctx, f, sort, connection.Arguments{Last: pointer(20), Before: l.Info.EndCursor}, false)
			return err
		}})
	}
	for _, sort := range []catalogue.Sort{catalogue.Newest, catalogue.Name, catalogue.PriceAsc, catalogue.PriceDesc} {
		list("products by "+string(sort), catalogue.Filter{}, sort, 0)
		list("products of a category by "+string(sort), catalogue.Filter{Category: pointer("audio")}, sort, 0)
		list("products of an unknown category by "+string(sort), catalogue.Filter{Category: pointer("none")}, sort, 0)
	}
	cents := func(n int64) *schema.MoneyInput { return &schema.MoneyInput{MinorUnits: &n, Currency: "USD"} }
	list("products in a range of prices", catalogue.Filter{MinPrice: cents(9000), MaxPrice: cents(9500)}, catalogue.PriceAsc, 0)
	const frequent = 1200 // a search or a filter reads what matches
	const sampled = 550   // or a sample: 32 times 16 products and where they start
	const walked = 2100   // or the next products of a list
	for _, sort := range []catalogue.Sort{catalogue.Newest, catalogue.Name, catalogue.PriceAsc} {
		list("products with a tag by "+string(sort), catalogue.Filter{Tag: pointer("steel")}, sort, frequent)
		list("products with an unknown tag by "+string(sort), catalogue.Filter{Tag: pointer("none")}, sort, sampled)
		list("products of a category with a tag by "+string(sort), catalogue.Filter{Category: pointer("audio"), Tag: pointer("steel")}, sort, frequent)
		list("products with a tag at a price that none has by "+string(sort), catalogue.Filter{Tag: pointer("steel"), MaxPrice: cents(0)}, sort, frequent)
	}
	for _, sort := range []catalogue.Sort{catalogue.Newest, catalogue.Name} {
		list("products at a rare price by "+string(sort), catalogue.Filter{MinPrice: cents(9000), MaxPrice: cents(9500)}, sort, walked)
		list("products in another currency by "+string(sort), catalogue.Filter{MinPrice: &schema.MoneyInput{MinorUnits: pointer[int64](1), Currency: "JPY"}}, sort, sampled)
	}
	for search, most := range map[string]int{
		"laptop": frequent, "wireless mouse": frequent, "labtop": frequent, "latpop": frequent, "zzzzqqqq": sampled, "norvik-wm-0001": frequent, "xqzv jkwq": sampled, "guaranteed": frequent, "guaranteed-": frequent,
	} {
		list("search for "+search, catalogue.Filter{Search: search}, catalogue.Relevance, most)
		list("search for "+search+" by price", catalogue.Filter{Search: search}, catalogue.PriceAsc, most)
	}
	return append(reads,
		read{name: "products by ID and SKU", database: "product", run: func(ctx context.Context, db *pgxpool.Pool) error {
			_, err := catalogue.New(db, nil, time.Now).Find(ctx, []int64{1, 7, 99}, []string{"A-1", "B-2"})
			return err
		}},
		read{name: "products of several categories", database: "product", run: func(ctx context.Context, db *pgxpool.Pool) error {
			_, err := catalogue.New(db, nil, time.Now).CategoryPages(ctx, []string{"audio", "books", "kitchen"}, connection.Arguments{}, false)
			return err
		}})
}

// pages calls do with the first page, one after an ID, and the one before it.
func pages(do func(connection.Page[int64]) error) error {
	for _, page := range []connection.Page[int64]{
		{Size: 20}, {Size: 20, After: pointer[int64](2500)}, {Size: 20, Before: pointer[int64](2500), Backward: true},
	} {
		if err := do(page); err != nil {
			return err
		}
	}
	return nil
}

func orderReads() []read {
	page := func(name string, f orderstore.Filter) read {
		return read{name: name, database: "order", replanned: true, run: func(ctx context.Context, db *pgxpool.Pool) error {
			return pages(func(p connection.Page[int64]) error {
				_, err := orderstore.New(db, time.Now).Page(ctx, f, p)
				return err
			})
		}}
	}
	one := func(name string, most int, do func(context.Context, *orderstore.Store) error) read {
		return read{name: name, database: "order", most: most, run: func(ctx context.Context, db *pgxpool.Pool) error { return do(ctx, orderstore.New(db, time.Now)) }}
	}
	user := pointer[int64](60)
	return []read{
		page("all orders", orderstore.Filter{}),
		page("a user's orders", orderstore.Filter{UserID: user}),
		page("orders of a user without any", orderstore.Filter{UserID: pointer[int64](1)}),
		page("orders with a frequent status", orderstore.Filter{Status: pointer(orderstore.StatusDelivered)}),
		page("orders with a rare status", orderstore.Filter{Status: pointer(orderstore.StatusPending)}),
		page("a user's orders with a rare status", orderstore.Filter{UserID: user, Status: pointer(orderstore.StatusRejected)}),
		one("the orders of several users", threeUsers, func(ctx context.Context, s *orderstore.Store) error {
			return pages(func(p connection.Page[int64]) error {
				_, err := s.UserPages(ctx, []int64{58, 59, 60}, nil, p)
				return err
			})
		}),
		one("how many orders users have", 0, func(ctx context.Context, s *orderstore.Store) error {
			_, err := s.UserCounts(ctx, []int64{58, 59}, nil)
			return err
		}),
		one("orders by ID", 0, func(ctx context.Context, s *orderstore.Store) error {
			_, err := s.Orders(ctx, []int64{1, 77, 4000})
			return err
		}),
		one("histories", 0, func(ctx context.Context, s *orderstore.Store) error {
			_, err := s.History(ctx, []int64{1, 77, 4000})
			return err
		}),
		one("pending orders", 0, func(ctx context.Context, s *orderstore.Store) error {
			_, err := s.PendingBefore(ctx, sampleTime, 20)
			return err
		}),
		one("orders to erase", 0, func(ctx context.Context, s *orderstore.Store) error {
			_, err := s.WithPersonalData(ctx, *user, 0, 20)
			return err
		}),
	}
}

func notificationReads() []read {
	page := func(name string, f notifier.Filter) read {
		return read{name: name, database: "notification", replanned: true, run: func(ctx context.Context, db *pgxpool.Pool) error {
			return pages(func(p connection.Page[int64]) error {
				_, err := (&notifier.Service{DB: db}).Page(ctx, f, p)
				return err
			})
		}}
	}
	user := pointer[int64](60)
	return []read{
		page("all notifications", notifier.Filter{}),
		page("a user's notifications", notifier.Filter{UserID: user}),
		page("notifications about an order", notifier.Filter{OrderID: pointer[int64](4990)}),
		page("notifications about an order to a user", notifier.Filter{OrderID: pointer[int64](4990), UserID: user}),
		page("notifications with a frequent status", notifier.Filter{Status: pointer(notifier.Sent)}),
		page("notifications with a rare status", notifier.Filter{Status: pointer(notifier.Dead)}),
		{name: "the notifications of several users", database: "notification", most: threeUsers, run: func(ctx context.Context, db *pgxpool.Pool) error {
			_, err := (&notifier.Service{DB: db}).UserPages(ctx, []int64{58, 59, 60}, connection.Page[int64]{Size: 20})
			return err
		}},
		{name: "the notifications about several orders", database: "notification", run: func(ctx context.Context, db *pgxpool.Pool) error {
			_, err := (&notifier.Service{DB: db}).ByOrder(ctx, []int64{4990, 4991})
			return err
		}},
	}
}

func otherReads() []read {
	return []read{
		{name: "all users", database: "user", run: func(ctx context.Context, db *pgxpool.Pool) error {
			return pages(func(p connection.Page[int64]) error {
				_, err := (&account.Service{DB: db}).List(ctx, p, nil)
				return err
			})
		}},
		{name: "users by ID", database: "user", run: func(ctx context.Context, db *pgxpool.Pool) error {
			_, err := (&account.Service{DB: db}).Get(ctx, []string{"1", "500"})
			return err
		}},
		{name: "stock levels", database: "inventory", run: func(ctx context.Context, db *pgxpool.Pool) error {
			_, err := stock.NewStore(db, time.Now).Levels(ctx, []int64{1, 2, 3999})
			return err
		}},
		{name: "a reservation", database: "inventory", run: func(ctx context.Context, db *pgxpool.Pool) error {
			_, _, err := stock.NewStore(db, time.Now).Reservation(ctx, strconv.Itoa(4000))
			return err
		}},
	}
}

// explainer is a pool whose statements tell how they were executed.
type explainer struct {
	pool *pgxpool.Pool
	mu   sync.Mutex
	told []string
}

// newExplainer opens a second pool on a database. The mode is a value of
// plan_cache_mode.
func newExplainer(t *testing.T, db *pgxpool.Pool, mode string) *explainer {
	t.Helper()
	e := &explainer{}
	config := db.Config().Copy()
	config.MaxConns = 1
	config.ConnConfig.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if _, plan, ok := strings.Cut(n.Message, "plan:\n"); ok {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.told = append(e.told, plan)
		}
	}
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `
			LOAD 'auto_explain';
			SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off;
			SET auto_explain.log_nested_statements = on; SET auto_explain.log_format = json; SET auto_explain.log_level = notice;
			SET plan_cache_mode = `+mode)
		return err
	}
	var err error
	if e.pool, err = pgxpool.NewWithConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.pool.Close)
	if _, err := e.pool.Exec(t.Context(), `SELECT 1`); err != nil {
		t.Skipf("skipped: the server cannot load auto_explain: %v", err)
	}
	return e
}

// check runs a read and looks at the plans of its statements.
func (e *explainer) check(t *testing.T, r read, mode string) {
	t.Helper()
	e.told = nil
	if err := r.run(t.Context(), e.pool); err != nil {
		t.Fatal(err)
	}
	if len(e.told) == 0 {
		t.Fatal("no statement told its plan")
	}
	most := maxRead
	if r.most > 0 {
		most = r.most
	}
	for _, text := range e.told {
		var told struct {
			Query string `json:"Query Text"`
			Plan  node
		}
		if err := json.Unmarshal([]byte(text), &told); err != nil {
			t.Fatal(err)
		}
		rows := map[string]float64{}
		told.Plan.visit(func(n node) {
			if n.NodeType == "Seq Scan" && growing[n.RelationName] {
				t.Errorf("%s is read as a whole by %s", n.RelationName, told.Query)
			}
			if growing[n.RelationName] {
				rows[n.RelationName] += (n.ActualRows + n.Removed + n.Rechecked) * n.ActualLoops
			}
		})
		for _, table := range slices.Sorted(maps.Keys(rows)) {
			if n := int(rows[table]); n > most && (mode == "auto" || !r.replanned) {
				t.Errorf("%d rows of %s are read, more than %d, by %s\n%s", n, table, most, told.Query, fmt.Sprintf("%.3000s", text))
			}
		}
	}
}

// node is a node of a plan, as EXPLAIN (ANALYZE, FORMAT JSON) describes it.
type node struct {
	NodeType     string  `json:"Node Type"`
	RelationName string  `json:"Relation Name"`
	ActualRows   float64 `json:"Actual Rows"`
	ActualLoops  float64 `json:"Actual Loops"`
	Removed      float64 `json:"Rows Removed by Filter"`
	Rechecked    float64 `json:"Rows Removed by Index Recheck"`
	Plans        []node
}

func (n node) visit(do func(node)) {
	do(n)
	for _, child := range n.Plans {
		child.visit(do)
	}
}
