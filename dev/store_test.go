package dev_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"souk/dev"
)

// The whole store runs as in `souk dev`, and the test uses it as the README describes.
func TestStoreSurvivesOutages(t *testing.T) {
	t.Parallel()
	redis := miniredis.RunT(t)
	store := open(t, dev.Options{RedisURL: "redis://" + redis.Addr()})

	t.Run("the first commands work one after the other", store.firstCommands)
	t.Run("an order by GraphQL is confirmed by e-mail", store.orderIsConfirmedByEmail)
	t.Run("a changed price is visible within a second", store.changedPriceShows)
	t.Run("orders are rejected without inventory and accepted again after it", store.withoutInventory)
	t.Run("nothing fails or is lost without Redis", func(t *testing.T) { store.withoutRedis(t, redis) })
	t.Run("every port rejects foreign hosts", store.foreignHosts)
	t.Run("the projection of orders equals the replay of their events", store.replayFindsNoDifference)
}

// foreignHosts sends the Host of a web page whose name was rebound to this machine (DNS
// rebinding).
func (s *store) foreignHosts(t *testing.T) {
	for name, path := range map[string]string{
		"router": "/graphql", "admin": "/metrics", "inbox": "/api/messages", "payment": "/healthz", "user": "/graphql", "product": "/graphql",
		"inventory": "/graphql", "order": "/graphql", "notification": "/graphql",
	} {
		for host, want := range map[string]bool{"rebound.example": false, "localhost": true} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(name)+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if got := response.StatusCode != http.StatusMisdirectedRequest; got != want {
				t.Errorf("%s as %s: got status %d", name, host, response.StatusCode)
			}
		}
	}
}

// store is a running system and a client of it.
type store struct {
	*dev.System
	token string // sent with each call, unless empty
}

func open(t *testing.T, opts dev.Options) *store {
	t.Helper()
	opts.Listen = "127.0.0.1:0"
	if opts.AuthMode == "" {
		opts.AuthMode = "tutorial"
	}
	opts.Log, opts.LogLevel = logWriter{t}, "warn"
	system, err := dev.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := system.Stop(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return &store{System: system}
}

// logWriter writes the system's warnings to the log of the test that caused them.
type logWriter struct{ t *testing.T }

func (w logWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// answer is the response to a call.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// call sends a request to the router. It can run in any goroutine: if the request
// cannot be sent, the status is 0.
func (s *store) call(ctx context.Context, method, path, body string, headers ...string) answer {
	req, err := http.NewRequestWithContext(ctx, method, s.URL("router")+path, strings.NewReader(body))
	if err != nil {
		return answer{body: []byte(err.Error())}
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{body: []byte(err.Error())}
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{body: []byte(err.Error())}
	}
	return answer{status: res.StatusCode, header: res.Header, body: data}
}

// expect is call with an expected status; it returns the parsed body.
func (s *store) expect(t *testing.T, status int, method, path, body string) (map[string]any, http.Header) {
	t.Helper()
	got := s.call(t.Context(), method, path, body)
	if got.status != status {
		t.Fatalf("%s %s: got status %d, want %d: %s", method, path, got.status, status, got.body)
	}
	out := map[string]any{}
	if bytes.HasPrefix(got.body, []byte("{")) {
		if err := json.Unmarshal(got.body, &out); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, got.body)
		}
	}
	return out, got.header
}

// graphql runs an operation that must have no errors.
func (s *store) graphql(t *testing.T, query string, variables map[string]any) map[string]any {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	out, _ := s.expect(t, http.StatusOK, http.MethodPost, "/graphql", string(body))
	if out["errors"] != nil {
		t.Fatalf("%s: errors: %v", query, out["errors"])
	}
	return out["data"].(map[string]any)
}

// readyWithin bounds how long a process may take to start on a busy machine.
const readyWithin = 2 * time.Minute

// eventually waits for a condition that depends on other processes.
func eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatalf("timed out after %s: %s", within, what)
		case <-tick.C:
		}
	}
}

func (s *store) firstCommands(t *testing.T) {
	s.expect(t, http.StatusOK, http.MethodGet, "/api/health", "")
	user, header := s.expect(t, http.StatusCreated, http.MethodPost, "/api/users", `{"username":"testuser","email":"test@example.com"}`)
	if want := fmt.Sprintf("/api/users/%v", user["id"]); header.Get("Location") != want || user["email"] != "test@example.com" {
		t.Errorf("new user: got Location %q, want %q: %v", header.Get("Location"), want, user)
	}
	product, _ := s.expect(t, http.StatusCreated, http.MethodPost, "/api/products", `{"name":"Laptop","price":999.99,"stock":10}`)
	if product["price"] != 999.99 || product["stock"] != 10.0 {
		t.Errorf("new product: got %v", product)
	}
	order, _ := s.expect(t, http.StatusCreated, http.MethodPost, "/api/orders", `{"userId":1,"productId":1,"quantity":2}`)
	if order["status"] != "CONFIRMED" || order["userId"] != 1.0 {
		t.Errorf("new order: got %v, want it confirmed", order)
	}
	for range 20 {
		s.expect(t, http.StatusOK, http.MethodGet, "/api/products", "")
	}
	// The stock of a new product is available at once, all of it and no more.
	wish := func(quantity int) string {
		return fmt.Sprintf(`{"userId":1,"productId":%v,"quantity":%d}`, product["id"], quantity)
	}
	s.expect(t, http.StatusConflict, http.MethodPost, "/api/orders", wish(11))
	s.expect(t, http.StatusCreated, http.MethodPost, "/api/orders", wish(10))
	s.expect(t, http.StatusConflict, http.MethodPost, "/api/orders", wish(1))
}

const placeOrder = `mutation PlaceOrder($input: PlaceOrderInput!) {
  placeOrder(input: $input) {
    __typename
    ... on OrderPayload { order { id status user { id username } lines { quantity product { id name inStock } } total { decimal } } }
    ... on Error { code message }
  }
}`

// order places an order for the user with this e-mail address and returns its id.
func (s *store) order(t *testing.T, user, product string) string {
	t.Helper()
	data := s.graphql(t, placeOrder, map[string]any{"input": map[string]any{
		"userId": user, "lines": []any{map[string]any{"productId": product, "quantity": 1}},
	}})
	result := data["placeOrder"].(map[string]any)
	if result["__typename"] != "OrderPayload" {
		t.Fatalf("the order was not accepted: %v", result)
	}
	order := result["order"].(map[string]any)
	if order["user"].(map[string]any)["username"] == "" || order["lines"].([]any)[0].(map[string]any)["product"].(map[string]any)["inStock"] == nil {
		t.Errorf("the order has no data from the other services: %v", order)
	}
	return order["id"].(string)
}

func (s *store) newUser(t *testing.T, name string) string {
	t.Helper()
	user, _ := s.expect(t, http.StatusCreated, http.MethodPost, "/api/users", fmt.Sprintf(`{"username":%q,"email":"%s@example.com"}`, name, name))
	return fmt.Sprint(user["id"])
}

func (s *store) newProduct(t *testing.T, name string, stock int) string {
	t.Helper()
	product, _ := s.expect(t, http.StatusCreated, http.MethodPost, "/api/products", fmt.Sprintf(`{"name":%q,"price":10,"stock":%d}`, name, stock))
	return fmt.Sprint(product["id"])
}

// mails returns the subjects of all e-mails about orders to an address.
func (s *store) mails(t *testing.T, to string) []string {
	t.Helper()
	var subjects []string
	for _, m := range s.inbox(t, to) {
		for range m.Deliveries {
			if strings.Contains(m.Subject, " order ") {
				subjects = append(subjects, m.Subject)
			}
		}
	}
	return subjects
}

// letter is an e-mail in the inbox.
type letter struct {
	Channel    string `json:"channel"`
	To         string `json:"to"`
	Subject    string `json:"subject"`
	Text       string `json:"text"`
	HTML       string `json:"html"`
	Deliveries int    `json:"deliveries"`
}

// inbox returns the e-mails to an address.
func (s *store) inbox(t *testing.T, to string) []letter {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL("inbox")+"/api/messages", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var messages []letter
	if err := json.NewDecoder(res.Body).Decode(&messages); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(messages, func(m letter) bool { return m.Channel != "email" || m.To != to })
}

func (s *store) orderIsConfirmedByEmail(t *testing.T) {
	user, product := s.newUser(t, "reader"), s.newProduct(t, "A told product", 5)
	id := s.order(t, user, product)
	eventually(t, time.Minute, "one e-mail about order "+id, func() bool { return len(s.mails(t, "reader@example.com")) == 1 })
	const query = `query($id: ID!) { order(id: $id) { notifications { __typename status } history { type } } }`
	eventually(t, time.Minute, "a record of it", func() bool {
		order := s.graphql(t, query, map[string]any{"id": id})["order"].(map[string]any)
		n := order["notifications"].([]any)
		return len(n) == 1 && n[0].(map[string]any)["status"] == "SENT"
	})
}

func (s *store) changedPriceShows(t *testing.T) {
	user, product := s.newUser(t, "watcher"), s.newProduct(t, "A watched product", 50)
	id := s.order(t, user, product)
	// The product of an order's line is an entity, which the router caches.
	const query = `query($id: ID!) { order(id: $id) { lines { product { price { decimal } available } } } }`
	seen := func() string {
		order := s.graphql(t, query, map[string]any{"id": id})["order"].(map[string]any)
		p := order["lines"].([]any)[0].(map[string]any)["product"].(map[string]any)
		return fmt.Sprintf("%v, %v available", p["price"].(map[string]any)["decimal"], p["available"])
	}
	for range 3 {
		if got := seen(); got != "10, 49 available" {
			t.Fatalf("before the change: got %s", got)
		}
	}
	s.expect(t, http.StatusOK, http.MethodPatch, "/api/products/"+product, `{"price":12.5}`)
	s.expect(t, http.StatusOK, http.MethodPut, "/api/inventory/"+product, `{"onHand":80}`)
	eventually(t, 20*time.Second, "the new price and stock seen, long before the TTL ends", func() bool { return seen() == "12.5, 80 available" })
}

func (s *store) withoutInventory(t *testing.T) {
	user, product := s.newUser(t, "patient"), s.newProduct(t, "A scarce product", 1)
	wish := fmt.Sprintf(`{"userId":%s,"productId":%s,"quantity":1}`, user, product)
	if err := s.StopService("inventory"); err != nil {
		t.Fatal(err)
	}
	problem, header := s.expect(t, http.StatusServiceUnavailable, http.MethodPost, "/api/orders", wish)
	if header.Get("Content-Type") != "application/problem+json" || header.Get("Retry-After") == "" || problem["title"] == nil {
		t.Errorf("got headers %v, problem %v", header, problem)
	}
	for _, path := range []string{"/api/products", "/api/products/" + product} {
		if got := s.call(t.Context(), http.MethodGet, path, ""); got.status != http.StatusOK || !strings.Contains(string(got.body), `"name"`) {
			t.Errorf("GET %s without inventory: status %d: %s", path, got.status, got.body)
		}
	}
	for _, path := range []string{"/api/products", "/api/products/" + product} {
		if got := s.call(t.Context(), http.MethodGet, path, ""); got.status != http.StatusOK || !strings.Contains(string(got.body), `"name"`) {
			t.Errorf("GET %s without inventory: status %d: %s", path, got.status, got.body)
		}
	}
	if err := s.StartService(t.Context(), "inventory"); err != nil {
		t.Fatal(err)
	}
	// The circuit breaker lets a request through after its pause, and the rejected
	// order does not hold the only unit.
	eventually(t, time.Minute, "an order taken again", func() bool {
		return s.call(t.Context(), http.MethodPost, "/api/orders", wish).status == http.StatusCreated
	})
	s.expect(t, http.StatusConflict, http.MethodPost, "/api/orders", wish)
}

func (s *store) withoutRedis(t *testing.T, redis *miniredis.Miniredis) {
	user, product := s.newUser(t, "steady"), s.newProduct(t, "A steady product", 100)
	ctx, stop := context.WithCancel(t.Context())
	results := make(chan answer)
	for range 4 {
		go func() {
			for ctx.Err() == nil {
				got := s.call(ctx, http.MethodGet, "/api/products/"+product, "")
				if ctx.Err() == nil {
					select {
					case results <- got:
					case <-ctx.Done():
					}
				}
			}
		}()
	}
	defer stop()
	drain := func(n int) {
		t.Helper()
		for range n {
			if got := <-results; got.status != http.StatusOK {
				t.Fatalf("got status %d: %s", got.status, got.body)
			}
		}
	}
	drain(50)
	address := redis.Addr()
	redis.Close()
	drain(50)
	id := s.order(t, user, product)
	drain(50)
	// The restarted Redis is empty.
	empty := miniredis.NewMiniRedis()
	t.Cleanup(empty.Close)
	if err := empty.StartAddr(address); err != nil {
		t.Fatal(err)
	}
	drain(50)
	eventually(t, time.Minute, "the e-mail about order "+id+", placed without Redis", func() bool {
		return len(s.mails(t, "steady@example.com")) == 1
	})
}

func (s *store) replayFindsNoDifference(t *testing.T) {
	var out bytes.Buffer
	differences, err := s.ReplayOrders(t.Context(), &out)
	if err != nil || differences != 0 {
		t.Errorf("got %d differences, err %v:\n%s", differences, err, out.String())
	}
}
