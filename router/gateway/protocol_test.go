package gateway_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"

	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/telemetry"
)

const query = `{"query":"{ hello }"}`

func TestPartialSuccessStatusIsConfigurable(t *testing.T) {
	_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) { c.HTTP.PartialSuccessStatus = true })
	for _, c := range []struct {
		accept, query string
		status        int
	}{
		{accept: "application/graphql-response+json", query: "{ hello fail }", status: 294},
		{accept: "application/graphql-response+json", query: "{ hello }", status: 200},
		{accept: "application/json", query: "{ hello fail }", status: 200},
	} {
		got := send(t, "POST", url+"/graphql", fmt.Sprintf(`{"query":%q}`, c.query), "Accept: "+c.accept)
		if got.status != c.status {
			t.Errorf("%s with %s: got %d, want %d", c.query, c.accept, got.status, c.status)
		}
	}
}

func TestAcceptEncodingSelectsTheCoding(t *testing.T) {
	_, url := start(t, &subgraph{}, nil)
	open := map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"br":   func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
		"":     func(r io.Reader) (io.Reader, error) { return r, nil },
	}
	for accept, want := range map[string]string{
		"gzip": "gzip", "br": "br", "zstd": "zstd", "gzip, br": "br", "gzip, br, zstd": "br", "gzip, deflate, zstd": "gzip", "*": "gzip",
		"gzip;q=1, br;q=0.5": "gzip", "identity": "", "gzip;q=0": "", "deflate": "", "gzip;q=0.1, identity": "", "x-gzip": "gzip",
		"gzip;q=0, *": "br", "gzip;q=0, br;q=0, *;q=0.1": "zstd", "zstd, *;q=0.5": "zstd", "zstd;q=0.5, *": "gzip", "gzip;q=banana": "",
		"zstd, gzip;q=0.9": "zstd", "GZIP": "gzip", "gzip, *;q=0": "gzip", "identity;q=0, zstd;q=0.1": "zstd", "*;q=0, identity;q=0.1": "",
	} {
		got := send(t, "POST", url+"/graphql", `{"query":"{ long }"}`, "Accept-Encoding: "+accept)
		if got.header.Get("Content-Encoding") != want {
			t.Errorf("%q: got %q, want %q", accept, got.header.Get("Content-Encoding"), want)
			continue
		}
		r, err := open[want](strings.NewReader(got.body))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil || !strings.HasPrefix(string(body), `{"data":{"long":"abc `) {
			t.Errorf("%q: err %v, body %.30q", accept, err, body)
		}
		if !slices.Contains(got.header.Values("Vary"), "Accept, Accept-Encoding, Authorization") {
			t.Errorf("Vary = %q", got.header.Values("Vary"))
		}
	}
	if got := send(t, "POST", url+"/graphql", query, "Accept-Encoding: gzip"); got.header.Get("Content-Encoding") != "" {
		t.Error("a short response is compressed")
	}
	if got := send(t, "POST", url+"/graphql", query, "Accept-Encoding: gzip, identity;q=0"); got.header.Get("Content-Encoding") != "gzip" {
		t.Error("a short response is not compressed for a client that does not accept identity")
	}
}

func TestBatchAnswersEachRequestInOrder(t *testing.T) {
	_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) {
		c.HTTP.Batching = config.Batching{Enabled: true, MaxSize: 3}
	})
	got := send(t, "POST", url+"/graphql", `[`+query+`, {"query":"{ nope }"}, {"query":"subscription { count(to: 1) }"}]`)
	if got.status != 200 || !strings.HasPrefix(got.body, `[{"data":{"hello":"hi"}},{"errors":[`) || !strings.Contains(got.body, "cannot be part of a batch") {
		t.Errorf("got status %d, %s", got.status, got.body)
	}
	for body, status := range map[string]int{`[]`: 422, `[1,2,3,4]`: 422, `[1`: 400, `[1] x`: 400} {
		if got := send(t, "POST", url+"/graphql", body); got.status != status {
			t.Errorf("%s: got %d, want %d", body, got.status, status)
		}
	}
}

// The members of a batch run at the same time. The race detector notices if they share what is recorded for
// the times of a response.
func TestMembersOfABatchAreNotTimedTogether(t *testing.T) {
	_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) {
		c.HTTP.Batching = config.Batching{Enabled: true, MaxSize: 8}
		c.Telemetry.ServerTiming = true
	})
	for range 20 {
		got := send(t, "POST", url+"/graphql", "["+strings.TrimSuffix(strings.Repeat(query+",", 8), ",")+"]")
		if want := "[" + strings.TrimSuffix(strings.Repeat(`{"data":{"hello":"hi"}},`, 8), ",") + "]"; got.status != 200 || got.body != want {
			t.Fatalf("got status %d, %s", got.status, got.body)
		}
		if timing := got.header.Get("Server-Timing"); timing != "" {
			t.Fatalf("a batch has the times %s", timing)
		}
	}
}

func TestAutomaticPersistedQueriesAreRegistered(t *testing.T) {
	_, url := start(t, &subgraph{}, nil)
	sum := sha256.Sum256([]byte("{ hello }"))
	hash := hex.EncodeToString(sum[:])
	extension := func(hash string) string {
		return `"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + hash + `"}}`
	}
	for _, c := range []struct {
		name, body string
		status     int
		contains   string
	}{
		{name: "unknown", body: `{` + extension(hash) + `}`, status: 422, contains: `"message":"PersistedQueryNotFound","extensions":{"code":"PERSISTED_QUERY_NOT_FOUND"}`},
		{name: "wrong hash", body: `{"query":"{ hello }",` + extension(strings.Repeat("0", 64)) + `}`, status: 422, contains: "SHA-256"},
		{name: "register", body: `{"query":"{ hello }",` + extension(hash) + `}`, status: 200, contains: `"hello":"hi"`},
		{name: "known", body: `{` + extension(hash) + `}`, status: 200, contains: `"hello":"hi"`},
		{name: "empty query", body: `{"query":"",` + extension(hash) + `}`, status: 200, contains: `"hello":"hi"`},
		{name: "empty query, unknown", body: `{"query":"",` + extension(strings.Repeat("0", 64)) + `}`, status: 422, contains: `"message":"PersistedQueryNotFound"`},
		{name: "empty query, no hash", body: `{"query":""}`, status: 422, contains: "The document has no operation."},
		{name: "known by id", body: `{"documentId":"sha256:` + hash + `"}`, status: 200, contains: `"hello":"hi"`},
		{name: "version", body: `{"extensions":{"persistedQuery":{"version":2,"sha256Hash":"x"}}}`, status: 422, contains: "only 1 is supported"},
	} {
		if got := send(t, "POST", url+"/graphql", c.body); got.status != c.status || !strings.Contains(got.body, c.contains) {
			t.Errorf("%s: got status %d, %s", c.name, got.status, got.body)
		}
	}
}

func TestOnlyTrustedDocumentsRun(t *testing.T) {
	for name, file := range map[string]string{
		"map":      `{"abc": "{ hello }"}`,
		"mark":     "\ufeff" + `{"abc": "{ hello }"}`,
		"manifest": `{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":"abc","name":"x","type":"query","body":"{ hello }"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "documents.json")
			if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) {
				c.PersistedDocuments = config.PersistedDocuments{Path: path, Require: true}
			})
			for body, status := range map[string]int{
				`{"documentId":"abc"}`: 200,
				`{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"abc"}}}`: 200,
				query:                        200, // the document is listed
				`{"query":"{ __typename }"}`: 422,
				`{"documentId":"abd"}`:       422,
			} {
				if got := send(t, "POST", url+"/graphql", body); got.status != status {
					t.Errorf("%s: got %d %s, want %d", body, got.status, got.body, status)
				}
			}
		})
	}
}

func TestListedOriginsMayReadResponses(t *testing.T) {
	_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) {
		c.CORS.AllowOrigins = []string{"https://shop.example"}
		c.CORS.AllowCredentials = true
		c.CORS.ExposeHeaders = []string{"Age"}
	})
	url += "/graphql"
	preflight := send(t, "OPTIONS", url, "", "Origin: https://shop.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://shop.example", "Access-Control-Allow-Credentials": "true",
		"Access-Control-Allow-Headers": "content-type", "Access-Control-Allow-Methods": "POST", "Access-Control-Max-Age": "600",
		"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
	} {
		if got := preflight.header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if preflight.status != 204 {
		t.Errorf("preflight: got status %d", preflight.status)
	}
	if got := send(t, "POST", url, query, "Origin: https://shop.example"); got.header.Get("Access-Control-Allow-Origin") == "" || got.header.Get("Access-Control-Expose-Headers") != "Age" {
		t.Errorf("got headers %v", got.header)
	}
	for _, method := range []string{"OPTIONS", "POST"} {
		if got := send(t, method, url, query, "Origin: https://evil.example", "Access-Control-Request-Method: POST"); got.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: an unlisted origin is allowed: %v", method, got.header)
		}
	}
}

func TestIntrospectionCanBeDisabled(t *testing.T) {
	_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) { c.Introspection = false })
	for text, status := range map[string]int{"{ __schema { description } }": 422, `{ x: __type(name: \"Query\") { name } }`: 422, "{ __typename }": 200} {
		if got := send(t, "POST", url+"/graphql", `{"query":"`+text+`"}`); got.status != status {
			t.Errorf("%s: got %d %s", text, got.status, got.body)
		}
	}
}

func TestDevelopmentModeAddsStatistics(t *testing.T) {
	_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) { c.Dev = true })
	send(t, "POST", url+"/graphql", query)
	got := send(t, "POST", url+"/graphql", query)
	for _, want := range []string{`"documentCache":"hit"`, `"planCache":"hit"`, `"fetches":[{"subgraph":"a"`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("%s is not in %s", want, got.body)
		}
	}
	page := send(t, "GET", url+"/graphql", "", "Accept: text/html,application/xhtml+xml,*/*;q=0.8")
	if page.status != 302 || page.header.Get("Location") != "/playground/" {
		t.Errorf("browser: got status %d, Location %s", page.status, page.header.Get("Location"))
	}
	if got := send(t, "GET", url+"/playground/", ""); !strings.Contains(got.body, `"endpoint":"/graphql"`) {
		t.Errorf("the playground has no endpoint: %s", got.body)
	}
}

func TestMaxInFlightShedsRequests(t *testing.T) {
	s := &subgraph{hold: make(chan struct{})}
	_, url := start(t, s, func(c *config.Config, _ *gateway.Options) { c.TrafficShaping.Router.MaxInFlight = 1 })
	first := make(chan reply)
	go func() { first <- send(t, "POST", url+"/graphql", query) }()
	eventually(t, func() bool { return s.count() == 1 })
	got := send(t, "POST", url+"/graphql", query)
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", got.status, got.body)
	}
	close(s.hold)
	if got := <-first; got.status != 200 {
		t.Errorf("first request: got status %d", got.status)
	}
}

func TestIdenticalQueriesInFlightAreDeduplicated(t *testing.T) {
	s := &subgraph{hold: make(chan struct{})}
	registry := prometheus.NewRegistry()
	_, url := start(t, s, func(c *config.Config, o *gateway.Options) {
		o.Metrics = telemetry.New(registry)
		o.Now = func() time.Time { return time.Unix(1e9, 0) } // however slow this machine is
		c.TrafficShaping.Router.Deduplicate = new(true)
	})
	answers := make(chan reply, 8)
	ask := func(body, authorization string) {
		go func() { answers <- send(t, "POST", url+"/graphql", body, "Authorization: "+authorization) }()
	}
	ask(query, "a")
	eventually(t, func() bool { return s.count() == 1 })
	ask(query, "a")
	ask(query, "b")
	ask(`{"query":"{ hello(name: \"x\") }"}`, "a")
	ask(`{"query":"mutation { add(n: 1) }"}`, "a")
	ask(`{"query":"mutation { add(n: 1) }"}`, "a")
	events := make(chan reply, 1)
	go func() {
		events <- send(t, "POST", url+"/graphql", query, "Authorization: a", "Accept: text/event-stream")
	}()
	// The duplicates have joined before the first response.
	eventually(t, func() bool { return s.count() == 5 && figures(t, registry)["operations_joined_total{}"] == 2 })
	close(s.hold)
	for range 6 {
		if got := <-answers; got.status != 200 || !strings.Contains(got.body, `"data":{`) {
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
	if got := <-events; got.status != 200 || !strings.Contains(got.body, `"data":{`) || !strings.Contains(got.body, "event: complete") {
		t.Errorf("event stream: got status %d, %s", got.status, got.body)
	}
	if n := s.count(); n != 5 {
		t.Errorf("the subgraph got %d requests, want 5", n)
	}
}

func TestReloadKeepsTheLastValidSupergraph(t *testing.T) {
	path := filepath.Join(t.TempDir(), "supergraph.graphql")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	write(sdl)
	var log lockedBuffer
	s := &subgraph{}
	gw, url := start(t, s, func(c *config.Config, o *gateway.Options) {
		o.Supergraph = ""
		c.Supergraph = config.Supergraph{File: path, HotReload: true, PollInterval: 1}
		o.Logger = log.logger()
		c.Dev = true
	})
	ask := func(text string) reply { return send(t, "POST", url+"/graphql", `{"query":"`+text+`"}`) }
	if got := ask("{ fresh }"); got.status != 422 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	ask("{ hello }")
	write(strings.Replace(sdl, "long: String", "long: String  fresh: String", 1))
	eventually(t, func() bool { return ask("{ fresh }").status == 200 })
	if got := ask("{ hello }"); !strings.Contains(got.body, `"documentCache":"hit","planCache":"hit"`) {
		t.Errorf("the plan of an operation in use was not warmed up: %s", got.body)
	}
	write("type Query {")
	eventually(t, func() bool { return strings.Contains(log.String(), "keeping the current one") })
	if got := ask("{ fresh }"); got.status != 200 || !gw.Ready() {
		t.Errorf("after an invalid supergraph: got status %d, %s", got.status, got.body)
	}
	write(sdl)
	eventually(t, func() bool { return ask("{ fresh }").status == 422 })
}

func TestDrainingGatewayIsNotReady(t *testing.T) {
	gw, url := start(t, &subgraph{}, nil)
	for _, path := range []string{"/health", "/healthz", "/readiness", "/readyz"} {
		if got := send(t, "GET", url+path, ""); got.status != 200 {
			t.Errorf("%s: got status %d", path, got.status)
		}
	}
	gw.Drain()
	if got := send(t, "GET", url+"/readyz", ""); got.status != 503 {
		t.Errorf("readiness while draining: got status %d", got.status)
	}
	if got := send(t, "POST", url+"/graphql", query); got.status != 200 {
		t.Errorf("query while draining: got status %d", got.status)
	}
	gw.Close()
	if got := send(t, "GET", url+"/healthz", ""); got.status != 200 {
		t.Errorf("liveness after Close: got status %d", got.status)
	}
	if got := send(t, "POST", url+"/graphql", query); got.status != 503 {
		t.Errorf("query after Close: got status %d", got.status)
	}
}
