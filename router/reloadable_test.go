package router_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// A request that waits for its subgraph when the configuration changes gets its
// response from the router that started it, and the next one from the new router.
// An invalid configuration changes nothing.
func TestReconfigureFinishesRequestsInProgress(t *testing.T) {
	asked, answer := make(chan struct{}, 2), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-answer
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":{"hello":"old"}}`)
	}))
	defer slow.Close()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":{"hello":"new"}}`)
	}))
	defer other.Close()
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {slow.URL}}
	live, err := router.NewReloadable(t.Context(), c, router.Options{Supergraph: smallSDL, Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() string {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query":"{ hello }"}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		live.Handler().ServeHTTP(w, r)
		return w.Body.String()
	}
	underWay := make(chan string, 1)
	go func() { underWay <- ask() }()
	<-asked

	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {other.URL}}
	if err := live.Reconfigure(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	if got := ask(); !strings.Contains(got, `"new"`) {
		t.Errorf("after the change: got %s", got)
	}
	close(answer)
	if got := <-underWay; !strings.Contains(got, `"old"`) {
		t.Errorf("request in progress: got %s", got)
	}

	wrong := c
	wrong.OverrideSubgraphURLs = config.SubgraphURLs{"b": {other.URL}}
	if err := live.Reconfigure(t.Context(), wrong, nil); err == nil || !strings.Contains(err.Error(), `names "b"`) {
		t.Errorf("configuration for another supergraph: got error %v", err)
	}
	wrong = c
	wrong.Listen = "127.0.0.1:1"
	if err := live.Reconfigure(t.Context(), wrong, nil); err == nil || !strings.Contains(err.Error(), "restart") {
		t.Errorf("another address: got error %v", err)
	}
	if got := ask(); !strings.Contains(got, `"new"`) {
		t.Errorf("after rejected changes: got %s", got)
	}
	if err := live.Close(); err != nil {
		t.Error(err)
	}
}

// A change of the configuration keeps the registered documents and the plans of
// the operations in use.
func TestReconfigureKeepsDocumentsAndPlans(t *testing.T) {
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":{"hello":"hi"}}`)
	}))
	defer subgraph.Close()
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {subgraph.URL}}
	live, err := router.NewReloadable(t.Context(), c, router.Options{Supergraph: smallSDL, Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	serve := func(handler http.Handler, method, path, body string) string {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Body.String()
	}
	const document = "{ hello }"
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(document)))
	persisted := `"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + hash + `"}}`
	if got := serve(live.Handler(), http.MethodPost, "/graphql", `{"query":"`+document+`",`+persisted+`}`); !strings.Contains(got, `"hi"`) {
		t.Fatalf("registering a document: got %s", got)
	}
	planned := func() string {
		for line := range strings.Lines(serve(live.Admin(), http.MethodGet, "/metrics", "")) {
			if strings.HasPrefix(line, "souk_router_plan_duration_seconds_count") {
				return line
			}
		}
		return ""
	}

	c.Limits.MaxDepth = 20
	if err := live.Reconfigure(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	before := planned()
	if got := serve(live.Handler(), http.MethodPost, "/graphql", `{`+persisted+`}`); !strings.Contains(got, `"hi"`) {
		t.Errorf("hash alone after the change: got %s", got)
	}
	if after := planned(); before == "" || after != before {
		t.Errorf("the operation was planned again: plan cache %q, then %q", before, after)
	}

	c.PersistedDocuments.Automatic = false
	if err := live.Reconfigure(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	if got := serve(live.Handler(), http.MethodPost, "/graphql", `{`+persisted+`}`); !strings.Contains(got, "PERSISTED_QUERY_NOT_SUPPORTED") {
		t.Errorf("hash without automatic persisted queries: got %s", got)
	}
	if err := live.Close(); err != nil {
		t.Error(err)
	}
}

// The ports keep the settings that they started with, and the log says which ones wait for a restart.
func TestSettingsThatNeedARestartAreLogged(t *testing.T) {
	var out bytes.Buffer
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: &out})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	live, err := router.NewReloadable(t.Context(), c, router.Options{Supergraph: smallSDL, Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	logged := func(want string) {
		t.Helper()
		if err := live.Reconfigure(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); !strings.Contains(text, want) || want == "" && strings.Contains(text, "restart the router") {
			t.Errorf("the log lacks %q: %s", want, text)
		}
		out.Reset()
	}
	c.Limits.MaxDepth = 7
	logged("")
	c.HTTP.Server, c.Limits.MaxConnections, c.Limits.MaxDepth = "standard", 5, 8
	logged(`"keys":["http.server","limits.http_max_connections"]`)
	c.Limits.MaxDepth = 9
	logged(`"keys":["http.server","limits.http_max_connections"]`)
	c.HTTP.Server, c.Limits.MaxConnections = config.Default().HTTP.Server, config.Default().Limits.MaxConnections
	logged("")
}
