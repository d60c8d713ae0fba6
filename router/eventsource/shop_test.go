package eventsource_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/router"
	"souk/router/compose"
	"souk/router/gateway/config"
	"souk/router/internal/redistest"
	"souk/telemetry"
)

// ordersSDL is a subgraph with a server, eventsSDL one without.
const (
	ordersSDL = `
		extend schema @link(url: "https://specs.apollo.dev/federation/v2.6", import: ["@key", "@shareable", "@authenticated"])
		type Query { order(id: ID!): Order }
		type Order @key(fields: "id") { id: ID! status: String! total: Int @shareable secret: String @authenticated }
		type Parcel @key(fields: "code") { code: ID! weight: Int }`
	eventsSDL = eventsLink + `
		type Subscription {
			orderChanged(id: ID!): Order @eventStream(provider: "shop", topic: "orders.{args.id}")
			orders(minTotal: Int, statuses: [String!] = ["NEW", "PAID"]): Order
				@eventStream(provider: "shop", topic: "orders", filter: "(args.minTotal == null || event.total >= args.minTotal) && event.status in args.statuses")
			shipped: Shipped @eventStream(provider: "shop", topic: "shipped")
			guarded: Order @authenticated @eventStream(provider: "shop", topic: "orders")
		}
		type Order @key(fields: "id", resolvable: false) { id: ID! total: Int @shareable }
		type Parcel @key(fields: "code", resolvable: false) { code: ID! }
		union Shipped = Order | Parcel`
	eventsLink = `
		extend schema
			@link(url: "https://specs.apollo.dev/federation/v2.6", import: ["@key", "@shareable", "@authenticated", "@composeDirective"])
			@link(url: "https://souk.dev/events/v1.0", import: ["@eventStream"])
			@composeDirective(name: "@eventStream")
		directive @eventStream(provider: String!, topic: String!, filter: String, payload: String) on FIELD_DEFINITION`
)

// A shop is a router with the subgraphs orders and events, and a Redis.
type shop struct {
	url    string
	redis  *redistest.Server
	router *router.Reloadable
	// config is the configuration, and list has the subgraphs.
	config config.Config
	list   []compose.Subgraph

	mu sync.Mutex
	// requests are the bodies of the requests to the subgraph orders.
	requests []string
	// hold, unless nil, delays the responses of orders until it is closed.
	hold chan struct{}
}

type options struct {
	orders, events string             // SDLs, if not ordersSDL and eventsSDL
	subgraphs      []compose.Subgraph // all of them, in place of these
	redis          redistest.Options
	addresses      []string             // of a Redis Cluster, in place of redis
	provider       config.EventProvider // in place of a Redis
	configure      func(*config.Config)
}

// open starts a shop.
func open(t *testing.T, o options) *shop {
	t.Helper()
	s := &shop{}
	c := config.Default()
	c.IncludeErrors.All = true
	c.EventSources.Interval = 10 * time.Millisecond
	connection := config.Redis{Addresses: o.addresses, Timeout: 10 * time.Second}
	if o.addresses == nil && o.provider.Kind == "" {
		s.redis = redistest.Start(t, o.redis)
		connection.URL = "redis://" + s.redis.Addr
	}
	c.EventSources.Providers = map[string]config.EventProvider{"shop": {Kind: "redis", Redis: connection}}
	if o.provider.Kind != "" {
		c.EventSources.Providers["shop"] = o.provider
	}
	if o.configure != nil {
		o.configure(&c)
	}
	orders := httptest.NewServer(http.HandlerFunc(s.orders))
	t.Cleanup(orders.Close)
	if o.orders == "" {
		o.orders = ordersSDL
	}
	list := []compose.Subgraph{{Name: "orders", URL: orders.URL, SDL: o.orders}}
	if o.events == "" {
		o.events = eventsSDL
	}
	if o.events != "none" {
		list = append(list, compose.Subgraph{Name: "events", SDL: o.events})
	}
	if o.subgraphs != nil {
		list = o.subgraphs
		for i := range list {
			if list[i].URL != "" {
				list[i].URL = orders.URL
			}
		}
	}
	composed, err := compose.Compose(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	s.config, s.list = c, list
	if s.router, err = router.NewReloadable(t.Context(), c, router.Options{Supergraph: composed.SDL, Telemetry: tel}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.router.Handler())
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		if err := s.router.Close(); err != nil {
			t.Error(err)
		}
	})
	s.url = server.URL + "/graphql"
	return s
}

// orders is the server of the subgraph: each entity has what its representation says, the
// status PAID and a weight.
func (s *shop) orders(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.requests = append(s.requests, string(body))
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return
		}
	}
	var request struct {
		Variables struct {
			Representations []map[string]any `json:"representations"`
		}
	}
	_ = json.Unmarshal(body, &request)
	for _, e := range request.Variables.Representations {
		e["status"], e["weight"], e["total"] = "PAID", 7, 100
	}
	list, _ := json.Marshal(request.Variables.Representations)
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"data":{"_entities":%s}}`, list)
}

func (s *shop) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// add adds events to a stream and returns the ID of the last one.
func (s *shop) add(t *testing.T, stream string, events ...string) (id string) {
	t.Helper()
	for _, e := range events {
		var err error
		if id, err = s.redis.Client.XAdd(t.Context(), &redis.XAddArgs{Stream: stream, Values: []string{"data", e}}).Result(); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

// A message is a server-sent event.
type message struct{ id, name, data string }

// A subscription is an open event stream.
type subscription struct {
	t        *testing.T
	messages chan message
	status   int
	body     io.Closer
}

// subscribe opens a subscription over server-sent events. Headers have the form "Name: value".
func (s *shop) subscribe(t *testing.T, query string, headers ...string) *subscription {
	t.Helper()
	payload, _ := json.Marshal(map[string]string{"query": query})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, strings.NewReader(string(payload)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	out := &subscription{t: t, messages: make(chan message, 4096), status: res.StatusCode, body: res.Body}
	t.Cleanup(func() { res.Body.Close() })
	go func() {
		defer close(out.messages)
		var m message
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "id":
				m.id = value
			case "event":
				m.name = value
			case "data":
				m.data = value
			case "":
				if m != (message{}) {
					out.messages <- m
				}
				m = message{}
			}
		}
	}()
	return out
}

// next returns the next event.
func (s *subscription) next() message {
	s.t.Helper()
	select {
	case m, open := <-s.messages:
		if !open {
			s.t.Fatal("the stream has ended")
		}
		return m
	case <-time.After(60 * time.Second):
		s.t.Fatal("no event arrives")
	}
	return message{}
}

// expect fails the test unless the next event has these data.
func (s *subscription) expect(data string) message {
	s.t.Helper()
	m := s.next()
	if m.data != data {
		s.t.Fatalf("got %s %s, want %s", m.name, m.data, data)
	}
	return m
}

// metric returns the value of a metric's time series, or -1.
func (s *shop) metric(t *testing.T, series string) float64 {
	t.Helper()
	w := httptest.NewRecorder()
	s.router.Admin().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			var v float64
			if _, err := fmt.Sscan(rest, &v); err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	return -1
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never holds: %s", what)
		}
	}
}
