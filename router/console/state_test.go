package console_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"souk/internal/redistest"
	"souk/router/gateway/config"
)

// until polls until a condition holds.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the condition does not hold after a minute")
		}
	}
}

func TestLimitsShowHitsAndHowNearOperationsCame(t *testing.T) {
	s := newShop(t, func(c *config.Config) {
		c.Limits.MaxDepth = 3
		c.DemandControl.Enabled, c.DemandControl.Max = true, 50
		c.RateLimit.Enabled, c.RateLimit.Requests, c.RateLimit.Interval = true, 4, time.Hour
	})
	s.send(t, `{"query":"{ products(first: 3) { name } }"}`)
	s.send(t, `{"query":"{ products { reviews { text } } }"}`)
	s.send(t, `{"query":"{ __schema { types { fields { name } } } }"}`)
	for range 3 {
		s.send(t, `{"query":"{ products { name } }"}`)
	}
	type limits struct {
		Limits []struct {
			Name                string
			Configured, Highest *float64
			Hits                int
			Last                *time.Time
		}
	}
	hits, highest, configured := map[string]int{}, map[string]float64{}, map[string]float64{}
	for _, l := range get[limits](t, s, "limits").Limits {
		hits[l.Name] = l.Hits
		if l.Highest != nil {
			highest[l.Name] = *l.Highest
		}
		if l.Configured != nil {
			configured[l.Name] = *l.Configured
		}
		if (l.Last != nil) != (l.Hits > 0) {
			t.Errorf("%+v", l)
		}
	}
	if hits["max_depth"] != 1 || hits["rate_limit"] != 2 || hits["demand_control"] != 1 || hits["max_fields"] != 0 {
		t.Errorf("hits %v", hits)
	}
	if highest["max_depth"] != 2 || highest["max_fields"] != 2 || highest["demand_control"] == 0 {
		t.Errorf("highest %v", highest)
	}
	if configured["max_depth"] != 3 || configured["demand_control"] != 50 || configured["rate_limit"] != 4 || configured["max_in_flight"] != 0 {
		t.Errorf("configured %v", configured)
	}
}

func TestCacheShowsHitsByTypeAndInvalidations(t *testing.T) {
	server := "redis://" + redistest.Start(t)
	s := newShop(t, func(c *config.Config) {
		c.ResponseCache.Enabled = true
		c.ResponseCache.Redis = config.Redis{URL: server, Timeout: 5 * time.Second}
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"reviews": {Types: []string{"Product"}}}
		c.ResponseCache.Invalidation.Token = "other-token"
		c.Admin.Console.Sample = 1
	})
	const query = `{"query":"query Q { products { name reviews { text } } }"}`
	type cache struct {
		Entity struct {
			Enabled, Available bool
			Hits, Misses       int
			HitRate            *float64 `json:"hit_rate"`
			ByType             []struct {
				Type, Subgraph string
				Hits, Misses   int
			} `json:"by_type"`
			Invalidations []struct {
				Type, Reason string
				Key          *string
				Count        int
			}
		}
		Plans, Documents struct {
			Entries, Hits, Misses int
			MaxBytes              int `json:"max_bytes"`
		}
	}
	until(t, func() bool { return get[cache](t, s, "cache").Entity.Available })
	var id string
	until(t, func() bool { // the cache needs a moment to trust Redis
		res, _ := s.send(t, query)
		id = res.Header.Get("Souk-Trace-Id")
		return get[cache](t, s, "cache").Entity.Hits > 0
	})
	trace := get[traceOf](t, s, "traces/"+id)
	if f := trace.Fetches[1]; f.Outcome != "hit" || f.Found != 2 || f.Sent != 0 || f.Entities != 0 {
		t.Errorf("%+v", f)
	}
	res, body := request(t, http.MethodPost, s.admin+"/invalidation", `[{"type":"Product","keys":["1"]}]`, "Authorization: Bearer other-token")
	if res.StatusCode != http.StatusNoContent {
		t.Fatalf("%s %s", res.Status, body)
	}
	got := get[cache](t, s, "cache")
	if e := got.Entity; !e.Enabled || e.HitRate == nil || *e.HitRate <= 0 || len(e.ByType) != 1 || e.ByType[0].Type != "Product" || e.ByType[0].Subgraph != "reviews" || e.ByType[0].Hits != e.Hits || e.Misses == 0 {
		t.Errorf("%+v", e)
	}
	if i := got.Entity.Invalidations; len(i) == 0 || i[0].Type != "Product" || i[0].Key == nil || *i[0].Key != "1" {
		t.Errorf("invalidations %+v", i)
	}
	if got.Documents.Entries != 1 || got.Documents.Hits == 0 || got.Documents.MaxBytes != 32<<20 {
		t.Errorf("%+v", got)
	}
}

func TestSubscriptionsShowClientsAndUpstreams(t *testing.T) {
	s := newShop(t, nil)
	s.endless.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 2 {
		conn, res, err := websocket.Dial(ctx, s.public+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
		if err != nil {
			t.Fatal(err)
		}
		if res.Body != nil {
			defer res.Body.Close()
		}
		defer conn.CloseNow() //nolint:errcheck // the test is over
		for _, message := range []string{`{"type":"connection_init"}`, `{"id":"1","type":"subscribe","payload":{"query":"subscription Ticks { ticks { name } }"}}`} {
			if err := conn.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
				t.Fatal(err)
			}
		}
	}
	type subscriptions struct {
		Open        int
		ByOperation []struct {
			Hash, Name         string
			Clients, Upstreams int
		} `json:"by_operation"`
		Carriers map[string]int
	}
	until(t, func() bool { return get[subscriptions](t, s, "subscriptions").Open == 2 })
	got := get[subscriptions](t, s, "subscriptions")
	operation := sha256.Sum256([]byte("subscription Ticks{ticks{name}}")) // as in the list of operations
	if len(got.ByOperation) != 1 || got.ByOperation[0].Hash != hex.EncodeToString(operation[:]) || got.ByOperation[0].Name != "Ticks" || got.ByOperation[0].Clients != 2 || got.ByOperation[0].Upstreams != 1 || got.Carriers["websocket"] != 2 || got.Carriers["sse"] != 0 {
		t.Errorf("%+v", got)
	}
}

type reloads struct {
	Reloads []struct {
		Kind, Outcome string
		Reason        *string
		Duration      float64
		Changes       []struct{ Kind, What, Detail string }
	}
}

func TestReloadsShowChangesAndRefusals(t *testing.T) {
	file := filepath.Join(t.TempDir(), "supergraph.graphql")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write(sdl)
	s := newShopFrom(t, "", func(c *config.Config) { c.Supergraph.File, c.Supergraph.PollInterval = file, 10*time.Millisecond })
	if got := get[reloads](t, s, "reloads"); len(got.Reloads) != 0 {
		t.Errorf("%+v", got)
	}
	changed := strings.NewReplacer("  title: String", "  label: [String!]", "size: Size @join__field(graph: CATALOG)", "size: Size @join__field(graph: REVIEWS)").Replace(sdl)
	write(changed)
	until(t, func() bool { return len(get[reloads](t, s, "reloads").Reloads) == 1 })
	write("type Query { broken")
	until(t, func() bool { return len(get[reloads](t, s, "reloads").Reloads) == 2 })
	write(changed)
	until(t, func() bool { return len(get[reloads](t, s, "reloads").Reloads) == 3 })
	c := s.config
	c.Limits.MaxDepth, c.Admin.Console.Token = 7, "new-console-t0ken"
	if err := s.Reconfigure(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	s.token = "new-console-t0ken"
	refused := c
	refused.Listen = "127.0.0.1:1"
	if err := s.Reconfigure(t.Context(), refused, nil); err == nil {
		t.Fatal("an address that cannot change was accepted")
	}
	s.Refused(time.Now().Add(-time.Second), errors.New("the file is no YAML"))
	list := get[reloads](t, s, "reloads").Reloads
	if list[0].Duration < 1 {
		t.Errorf("the time since the file was read does not count: %v", list[0].Duration)
	}
	if len(list) != 6 || list[0].Kind != "configuration" || list[0].Outcome != "refused" || list[0].Reason == nil || *list[0].Reason != "the file is no YAML" {
		t.Fatalf("%+v", list)
	}
	list = list[1:]
	if r := list[4]; r.Kind != "supergraph" || r.Outcome != "applied" || r.Reason != nil ||
		fmt.Sprint(r.Changes) != "[{added Product.label [String!] from catalog} {changed Product.size Size from catalog → Size from reviews} {removed Product.title String from catalog}]" {
		t.Errorf("%+v", r)
	}
	if r := list[2]; r.Outcome != "unchanged" || r.Reason != nil || len(r.Changes) != 0 {
		t.Errorf("%+v", r)
	}
	if r := list[3]; r.Outcome != "refused" || r.Reason == nil || len(r.Changes) != 0 {
		t.Errorf("%+v", r)
	}
	if r := list[1]; r.Kind != "configuration" || fmt.Sprint(r.Changes) != "[{changed admin.console.token a secret} {changed limits.max_depth 100 → 7}]" {
		t.Errorf("%+v", r)
	}
	if r := list[0]; r.Outcome != "refused" || r.Reason == nil || !strings.Contains(*r.Reason, "listen") {
		t.Errorf("%+v", r)
	}
	s.token = token // the former token is void
	if res, _ := s.api(t, http.MethodGet, "reloads", ""); res.StatusCode != http.StatusUnauthorized {
		t.Error(res.Status)
	}
}

func TestReplicasComeFromPrometheus(t *testing.T) {
	ok := true
	prometheus := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ok {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		value := "2.5"
		if strings.Contains(r.URL.Query().Get("query"), "outcome!=") {
			value = "NaN"
		}
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"instance":"b:9090"},"value":[1,%q]},{"metric":{"instance":"a:9090"},"value":[1,"1"]}]}}`, value)
	}))
	defer prometheus.Close()
	s := newShop(t, func(c *config.Config) { c.Admin.Console.Prometheus = prometheus.URL })
	got := get[replicas](t, s, "replicas")
	if got.Error != nil || len(got.Replicas) != 2 || got.Replicas[0].Name != "a:9090" || *got.Replicas[1].Rate != 2.5 || got.Replicas[1].Bad != nil {
		t.Errorf("%+v", got)
	}
	ok = false
	if got := get[replicas](t, s, "replicas"); got.Error == nil || !strings.Contains(*got.Error, "503") || got.Replicas == nil {
		t.Errorf("%+v", got)
	}
	if got := get[replicas](t, newShop(t, nil), "replicas"); got.Error == nil || !strings.Contains(*got.Error, "admin.console.prometheus") {
		t.Errorf("%+v", got)
	}
}
