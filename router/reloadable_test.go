package router_test

import (
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

// A request that waits for its subgraph when the configuration changes is
// answered by the router that began it, and the next one by the new router; a
// configuration that cannot be used changes nothing.
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
	c.OverrideSubgraphURLs = map[string]string{"a": slow.URL}
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

	c.OverrideSubgraphURLs = map[string]string{"a": other.URL}
	if err := live.Reconfigure(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	if got := ask(); !strings.Contains(got, `"new"`) {
		t.Errorf("after the change the answer is %s", got)
	}
	close(answer)
	if got := <-underWay; !strings.Contains(got, `"old"`) {
		t.Errorf("the request under way was answered %s", got)
	}

	wrong := c
	wrong.OverrideSubgraphURLs = map[string]string{"b": other.URL}
	if err := live.Reconfigure(t.Context(), wrong, nil); err == nil || !strings.Contains(err.Error(), `names "b"`) {
		t.Errorf("a configuration for another supergraph gives %v", err)
	}
	wrong = c
	wrong.Listen = "127.0.0.1:1"
	if err := live.Reconfigure(t.Context(), wrong, nil); err == nil || !strings.Contains(err.Error(), "restart") {
		t.Errorf("another address gives %v", err)
	}
	if got := ask(); !strings.Contains(got, `"new"`) {
		t.Errorf("after changes that were refused the answer is %s", got)
	}
	if err := live.Close(); err != nil {
		t.Error(err)
	}
}

// A change of the configuration forgets neither what clients have registered
// nor how the operations in use are planned.
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
	c.OverrideSubgraphURLs = map[string]string{"a": subgraph.URL}
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
		t.Fatalf("registering a document gives %s", got)
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
		t.Errorf("after a change of the configuration the hash alone gives %s", got)
	}
	if after := planned(); before == "" || after != before {
		t.Errorf("the operation was planned again: %q, then %q", before, after)
	}

	c.PersistedDocuments.Automatic = false
	if err := live.Reconfigure(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	if got := serve(live.Handler(), http.MethodPost, "/graphql", `{`+persisted+`}`); !strings.Contains(got, "PERSISTED_QUERY_NOT_SUPPORTED") {
		t.Errorf("without automatic persisted queries the hash gives %s", got)
	}
	if err := live.Close(); err != nil {
		t.Error(err)
	}
}
