package order_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/internal/loopback/loopbacktest"
	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/order"
	"souk/subgraphs/order/internal/fake"
	"souk/subgraphs/order/payment"
	"souk/subgraphs/order/payment/simulator"
	"souk/subgraphs/order/payment/simulatortest"
)

// processVariable makes the test binary run as the order service, so that it
// can be killed. Its value is how far the service's clock is ahead.
const processVariable = "SOUK_TEST_ORDER_CLOCK"

// runProcess runs the order service until the process is killed.
func runProcess(ahead string) int {
	shift, err := time.ParseDuration(ahead)
	if err == nil {
		var env server.Environment
		if env, err = server.EnvironmentFrom("order", os.LookupEnv); err == nil {
			env.Now = func() time.Time { return time.Now().Add(shift) }
			err = order.Run(context.Background(), env)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// killable is the order service in a process of its own, with its surroundings.
type killable struct {
	t         *testing.T
	db        *pgxpool.Pool
	redis     *miniredis.Miniredis
	provider  *simulatortest.Provider
	inventory *fake.Inventory
	variables []string
	url       string
	ahead     time.Duration
	process   *exec.Cmd
}

func newKillable(t *testing.T) *killable {
	t.Helper()
	address := loopbacktest.Address(t)
	_, port, _ := strings.Cut(address, ":")
	k := &killable{
		t: t, redis: miniredis.RunT(t), provider: simulatortest.Start(t), url: "http://" + address,
		inventory: fake.NewInventory(t, map[string]int{"1": 100}),
	}
	database := pgtest.Database(t)
	var err error
	if k.db, err = pgxpool.New(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.db.Close)
	k.variables = append(os.Environ(),
		"PORT="+port, "DATABASE_URL="+database, "REDIS_URL=redis://"+k.redis.Addr(), "AUTH_MODE=tutorial", "LOG_LEVEL=error",
		"PAYMENT_URL="+k.provider.URL, "PAYMENT_API_KEY="+simulatortest.APIKey, "INVENTORY_SERVICE_URL="+k.inventory.URL,
		"USER_SERVICE_URL="+fake.NewUsers(t, "1").URL,
		"PRODUCT_SERVICE_URL="+fake.NewProducts(t, map[string]fake.Product{"1": {Name: "Laptop", Price: 99999, Currency: "USD"}}).URL)
	t.Cleanup(k.kill)
	k.start()
	return k
}

// start starts the service ten minutes after it was killed, as far as it knows.
func (k *killable) start() {
	k.t.Helper()
	k.ahead += 10 * time.Minute
	k.process = exec.Command(os.Args[0])
	k.process.Env = slices.Concat(k.variables, []string{processVariable + "=" + k.ahead.String()})
	k.process.Stderr = os.Stderr
	if err := k.process.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.await("the service ready", func() bool {
		response, err := http.Get(k.url + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// kill sends SIGKILL: the service gets no chance to finish anything.
func (k *killable) kill() {
	if k.process.ProcessState == nil {
		_ = k.process.Process.Kill()
		_ = k.process.Wait()
	}
}

func (k *killable) await(what string, holds func() bool) {
	k.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			k.t.Fatalf("gave up waiting for %s", what)
		}
	}
}

// call sends an operation and returns the response, or the error of a service
// that was killed meanwhile.
func (k *killable) call(operation string) string {
	body, err := json.Marshal(map[string]string{"query": operation})
	if err != nil {
		return err.Error()
	}
	response, err := http.Post(k.url+"/graphql", "application/json", bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	var text bytes.Buffer
	_, _ = text.ReadFrom(response.Body)
	return text.String()
}

// state returns the states of an order, of its payment in its events, and of
// its payment at the provider.
func (k *killable) state(id int) string {
	k.t.Helper()
	var status, paid string
	if err := k.db.QueryRow(k.t.Context(), `SELECT status, payment->>'status' FROM orders WHERE id = $1`, id).Scan(&status, &paid); err != nil {
		return err.Error()
	}
	held := k.provider.Payments(k.t)[strconv.Itoa(id)].Status
	if held == "" {
		held = "nothing"
	}
	return fmt.Sprintf("%s %s %s", status, paid, held)
}

// left counts what is still to be done. A release that was attempted may wait for
// a reservation that is still in flight.
func (k *killable) left() (n int) {
	k.t.Helper()
	err := k.db.QueryRow(k.t.Context(), `SELECT (SELECT count(*) FROM payment_tasks) + (SELECT count(*) FROM stock_releases WHERE attempts = 0)
		+ (SELECT count(*) FROM payment_tokens) + (SELECT count(*) FROM orders WHERE status = 'PENDING')`).Scan(&n)
	if err != nil {
		k.t.Fatal(err)
	}
	return n
}

const (
	placeOne = `mutation { placeOrder(input: {userId: "1", lines: [{productId: "1", quantity: 1}], paymentToken: "%s",
		shippingAddress: {name: "Ada Lovelace", line1: "Main 1", city: "Ulm", country: "DE"}}) { __typename } }`
	byID = `mutation { %s(input: {id: "%d"}) { __typename } }`
)

// The service is killed in the middle of each step that it asks another
// service for, before and after that took effect. That is also after the
// event before it was appended, and before the one after it. When it runs
// again, the order goes on, or nothing of it is left.
func TestOrdersSurviveAKillAtEachStep(t *testing.T) {
	k := newKillable(t)
	free := 100
	id := 0
	for _, test := range []struct {
		name      string
		token     string   // stands for the means of payment
		first     []string // mutations of the placed order, before the step; nil: placing is the step
		step      string   // the mutation during which the service dies
		inventory string   // the operation of inventory in which it dies
		provider  string   // the operation of the provider in which it dies
		want      [2]string
		sold      [2]int
	}{
		{name: "reserve", inventory: "ReserveStock", want: [2]string{"REJECTED UNPAID nothing", "CONFIRMED AUTHORIZED AUTHORIZED"}, sold: [2]int{0, 1}},
		{name: "authorise", provider: "authorize", want: both("CONFIRMED AUTHORIZED AUTHORIZED"), sold: [2]int{1, 1}},
		{name: "commit", inventory: "CommitReservation", want: both("CONFIRMED AUTHORIZED AUTHORIZED"), sold: [2]int{1, 1}},
		{name: "capture", step: "shipOrder", provider: "capture", want: both("SHIPPED CAPTURED CAPTURED"), sold: [2]int{1, 1}},
		{name: "void after a refused capture", token: "test-capture-refused", step: "shipOrder", provider: "void", want: both("SHIPPED FAILED VOIDED"), sold: [2]int{1, 1}},
		{name: "refund", first: []string{"shipOrder"}, step: "refundOrder", provider: "refund", want: both("SHIPPED REFUNDED REFUNDED"), sold: [2]int{1, 1}},
		{name: "void", step: "cancelOrder", provider: "void", want: both("CANCELLED VOIDED VOIDED"), sold: [2]int{0, 0}},
		{name: "release", step: "cancelOrder", inventory: "ReleaseReservation", want: both("CANCELLED VOIDED VOIDED"), sold: [2]int{0, 0}},
	} {
		for i, when := range []string{"before", "after"} {
			t.Run(test.name+", "+when+" the effect", func(t *testing.T) {
				k.t = t
				id++
				operation := fmt.Sprintf(placeOne, test.token)
				if test.step != "" {
					k.call(operation)
					for _, mutation := range test.first {
						k.call(fmt.Sprintf(byID, mutation, id))
					}
					operation = fmt.Sprintf(byID, test.step, id)
				}
				reached := k.hold(test.inventory, test.provider, i == 1)
				done := make(chan struct{})
				go func() {
					defer close(done)
					k.call(operation)
				}()
				k.await("the step", reached)
				k.kill()
				<-done
				k.inventory.Fail(nil)
				k.provider.SetFaults(t)
				k.start()
				free -= test.sold[i]
				k.await(fmt.Sprintf("%s and %d units free; the order is %s, %d units are free", test.want[i], free, k.state(id), k.inventory.Available("1")),
					func() bool { return k.left() == 0 && k.state(id) == test.want[i] && k.inventory.Available("1") == free })
			})
		}
	}
	k.t = t
	k.checkBooks()
}

func both(state string) [2]string { return [2]string{state, state} }

// hold makes inventory or the provider keep silent in an operation, with or
// without its effect, and returns a function that reports whether it was
// called.
func (k *killable) hold(inventory, provider string, effect bool) (reached func() bool) {
	k.t.Helper()
	if provider != "" {
		mode := simulator.Timeout
		if effect {
			mode = simulator.Silent
		}
		k.provider.SetFaults(k.t, simulator.Fault{Operation: provider, Mode: mode})
		return func() bool { return k.provider.Used(k.t) > 0 }
	}
	before := len(k.inventory.Calls())
	k.inventory.Fail(func(operation string) fake.Failure {
		switch {
		case operation != inventory:
			return fake.Respond
		case effect:
			return fake.SilentAfter
		default:
			return fake.SilentBefore
		}
	})
	return func() bool {
		for _, operation := range k.inventory.Calls()[before:] {
			if operation == inventory {
				return true
			}
		}
		return false
	}
}

// checkBooks compares all orders with their events, and all payments with the
// orders.
func (k *killable) checkBooks() {
	k.t.Helper()
	var out bytes.Buffer
	if n, err := order.Replay(k.t.Context(), k.db, &out, nil); n != 0 || err != nil {
		k.t.Errorf("%d differences, %v: %s", n, err, &out)
	}
	var twice int
	err := k.db.QueryRow(k.t.Context(), `SELECT count(*) FROM (
		SELECT FROM order_events GROUP BY order_id, type HAVING count(*) > 1) x`).Scan(&twice)
	if err != nil || twice != 0 {
		k.t.Errorf("%d events are there twice, %v", twice, err)
	}
	for _, p := range k.provider.Payments(k.t) {
		if p.Reference == "" {
			continue // voided before it was authorised
		}
		var total int64
		if err := k.db.QueryRow(k.t.Context(), `SELECT total FROM orders WHERE id = $1`, p.Reference).Scan(&total); err != nil || p.Amount != total {
			k.t.Errorf("payment %+v has no order: %v", p, err)
		}
	}
}

// The service is killed while it erases personal data: after the order was
// cancelled, before anything was erased.
func TestErasureSurvivesAKill(t *testing.T) {
	k := newKillable(t)
	for range 3 {
		k.call(fmt.Sprintf(placeOne, ""))
	}
	k.call(fmt.Sprintf(byID, "shipOrder", 1))
	k.provider.SetFaults(t, simulator.Fault{Operation: "void", Mode: simulator.Silent})
	envelope := `{"specversion": "1.0", "id": "019a0000-0000-7000-8000-000000000001", "source": "/souk/user", "type": "user.erased", "subject": "1",
		"time": "2026-11-24T09:00:00Z", "datacontenttype": "application/json", "data": {"userId": "1"}}`
	if _, err := k.redis.XAdd(events.Stream, "*", []string{"type", events.UserErased, "event", envelope}); err != nil {
		t.Fatal(err)
	}
	k.await("the first order cancelled", func() bool { return k.provider.Used(t) > 0 })
	k.kill()
	k.provider.SetFaults(t)
	k.start()
	personal := func() (n int) {
		if err := k.db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM order_events e WHERE e::text LIKE '%Lovelace%')
			+ (SELECT count(*) FROM orders o WHERE o::text LIKE '%Lovelace%')`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	k.await("everything erased", func() bool { return personal() == 0 && k.left() == 0 })
	for id, want := range map[int]string{1: "SHIPPED CAPTURED CAPTURED", 2: "CANCELLED VOIDED VOIDED", 3: "CANCELLED VOIDED VOIDED"} {
		if got := k.state(id); got != want {
			t.Errorf("order %d: %q, want %q", id, got, want)
		}
	}
	if p := k.provider.Payments(t)["1"]; p.Status != payment.Captured || p.Amount != 99999 {
		t.Errorf("the books of order 1 changed: %+v", p)
	}
	k.await("the units of cancelled orders free", func() bool { return k.inventory.Available("1") == 99 })
	k.checkBooks()
}
