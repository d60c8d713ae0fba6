package database_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/database"
)

// Statements are counted by name, failures by reason, and waits for a connection.
func TestStatementsAreMeasured(t *testing.T) {
	registry := prometheus.NewRegistry()
	config, err := pgxpool.ParseConfig(pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 2
	config.ConnConfig.Tracer = database.NewMeasure(registry)
	config.ConnConfig.RuntimeParams["statement_timeout"] = "50"
	if got := series(t, registry, "souk_sql_failures_total", "reason"); !slices.Equal(keys(got), []string{"canceled", "lock", "refused", "timeout", "unavailable"}) {
		t.Errorf("before the first statement, the reasons are %v", got)
	}
	db, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(sql string, arguments ...any) error {
		_, err := db.Exec(t.Context(), sql, arguments...)
		return err
	}
	if err := errors.Join(exec(`create table stock (id int primary key)`), exec(`insert into stock (id) values ($1)`, 1), exec(`update stock set id = 2`)); err != nil {
		t.Fatal(err)
	}
	if exec(`insert into stock (id) values (2)`) == nil {
		t.Error("a key is in use twice")
	}
	holdLock(t, db, exec)
	held := hold(t, db, 2)
	late, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := db.Acquire(late); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("third connection of two: got error %v", err)
	}
	if got := series(t, registry, "db_client_connection_count", "db_client_connection_state"); got["used"] != 2 || got["idle"] != 0 {
		t.Errorf("with every connection held: got %v", got)
	}
	for _, conn := range held {
		conn.Release()
	}
	if got := series(t, registry, "souk_sql_failures_total", "reason"); got["timeout"] != 2 || got["refused"] != 1 || got["unavailable"]+got["canceled"]+got["lock"] != 0 {
		t.Errorf("got failures %v", got)
	}
	if got := series(t, registry, "db_client_operation_duration_seconds", "db_query_summary"); got["INSERT stock"] != 2 || got["UPDATE stock"] != 2 {
		t.Errorf("got statements %v", got)
	}
	if got := series(t, registry, "db_client_connection_wait_time_seconds", ""); got[""] < 6 {
		t.Errorf("got waits %v", got)
	}
}

// The statements of a batch are counted like others, with the one that fails.
func TestStatementsOfABatchAreMeasured(t *testing.T) {
	registry := prometheus.NewRegistry()
	config, err := pgxpool.ParseConfig(pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.Tracer = database.NewMeasure(registry)
	db, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(t.Context(), `create table stock (id int primary key)`); err != nil {
		t.Fatal(err)
	}
	send := func(ids ...int) error {
		var b pgx.Batch
		for _, id := range ids {
			b.Queue(`insert into stock (id) values ($1)`, id)
		}
		b.Queue(`delete from stock where id = 0`)
		return db.SendBatch(t.Context(), &b).Close()
	}
	if err := send(1, 2); err != nil {
		t.Fatal(err)
	}
	if send(3, 2, 4) == nil {
		t.Error("a key is in use twice")
	}
	if got := series(t, registry, "db_client_operation_duration_seconds", "db_query_summary"); got["INSERT stock"] != 4 || got["DELETE stock"] != 1 {
		t.Errorf("got statements %v", got)
	}
	if got := series(t, registry, "souk_sql_failures_total", "reason"); got["refused"] != 1 {
		t.Errorf("got failures %v", got)
	}
	var n int
	if err := db.QueryRow(t.Context(), `select count(*) from stock`).Scan(&n); err != nil || n != 2 {
		t.Errorf("a batch that failed left %d rows of 2: %v", n, err)
	}
}

// holdLock has a statement wait for a lock until Postgres ends it.
func holdLock(t *testing.T, db *pgxpool.Pool, exec func(string, ...any) error) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `lock table stock`); err != nil {
			return err
		}
		if err := exec(`update stock set id = 3`); !database.Slow(err) {
			t.Errorf("statement that waits for a lock: got error %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Statements that wait for a lock are counted until they get it.
func TestWaitsForLocksAreCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	measure := database.NewMeasure(registry)
	db, err := pgxpool.New(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(t.Context(), `create table stock (id int primary key)`); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { measure.Watch(ctx, db) })
	waits := func(want float64) { t.Helper(); become(t, registry, "souk_postgres_lock_waits", want) }
	err = pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `lock table stock`); err != nil {
			return err
		}
		for range 2 {
			running.Go(func() {
				if _, err := db.Exec(t.Context(), `delete from stock`); err != nil {
					t.Error(err)
				}
			})
		}
		waits(2)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	waits(0)
}

// A service notices that Postgres is away without any request, also if nothing responds, and
// that it is there again.
func TestPostgresThatIsAwayIsNoticed(t *testing.T) {
	registry := prometheus.NewRegistry()
	measure := database.NewMeasure(registry)
	config, err := pgxpool.ParseConfig(pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.Tracer = measure
	config.ConnConfig.ConnectTimeout = 3 * time.Second // longer than anybody here waits for a connection
	dial := config.ConnConfig.DialFunc
	var away atomic.Pointer[func(context.Context) error]
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if fails := away.Load(); fails != nil {
			return nil, (*fails)(ctx)
		}
		return dial(ctx, network, address)
	}
	db, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { measure.Watch(ctx, db) })
	become(t, registry, "souk_postgres_up", 1)
	for _, fails := range []func(context.Context) error{
		func(context.Context) error { return syscall.ECONNREFUSED },
		func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, // packets are dropped
	} {
		away.Store(&fails)
		db.Reset()
		become(t, registry, "souk_postgres_up", 0)
		away.Store(nil)
		become(t, registry, "souk_postgres_up", 1)
	}
}

// become waits until a metric has a value.
func become(t *testing.T, registry *prometheus.Registry, name string, want float64) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); series(t, registry, name, "")[""] != want; <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("timed out: %s is not %v", name, want)
		}
	}
}

func hold(t *testing.T, db *pgxpool.Pool, n int) (held []*pgxpool.Conn) {
	t.Helper()
	for range n {
		conn, err := db.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	return held
}

// series returns the values of a metric by a label; of a histogram, the counts.
func series(t *testing.T, registry *prometheus.Registry, name, label string) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			key := ""
			if i := slices.IndexFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == label }); i >= 0 {
				key = m.GetLabel()[i].GetValue()
			}
			values[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return values
}

func keys(values map[string]float64) (names []string) {
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
