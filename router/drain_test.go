package router_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/internal/loopback/loopbacktest"
	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// supergraphHead is the start of a supergraph with one subgraph, a.
const supergraphHead = `
schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query }
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
scalar join__FieldSet
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
enum join__Graph { A @join__graph(name: "a", url: "http://a.invalid/graphql") }
`

const smallSDL = supergraphHead + `type Query @join__type(graph: A) { hello: String }
`

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *lockedBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}

func eventually(t *testing.T, so func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the condition did not become true")
		}
	}
}

// A request that waits for its subgraph, and one that arrives at the last moment,
// get a response after the router was told to stop and has reported it.
func TestStopFinishesRequestsInProgress(t *testing.T) {
	asked, answer := make(chan struct{}, 1), make(chan struct{})
	sub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-answer
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":{"hello":"hi"}}`)
	}))
	defer sub.Close()

	var log lockedBuffer
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: &log})
	if err != nil {
		t.Fatal(err)
	}
	admin := loopbacktest.Address(t)
	c := config.Default()
	c.Listen, c.Admin.Listen = "127.0.0.1:0", admin
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {sub.URL}}
	r, err := router.New(t.Context(), c, router.Options{Supergraph: smallSDL, Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx) }()
	address := regexp.MustCompile(`"address":"([^"]+)"`)
	eventually(t, func() bool { return address.MatchString(log.String()) })
	const query = `{"query":"{ hello }"}`
	public := address.FindStringSubmatch(log.String())[1]

	underWay := make(chan string, 1)
	go func() {
		res, err := http.Post("http://"+public+"/graphql", "application/json", strings.NewReader(query))
		if err != nil {
			underWay <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		underWay <- string(body)
	}()
	<-asked
	stop()
	eventually(t, func() bool {
		res, err := http.Get("http://" + admin + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusServiceUnavailable
	})
	// Like a request that arrived just before the port was closed.
	late := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query":"{ __typename }"}`))
	late.Header.Set("Content-Type", "application/json")
	got := httptest.NewRecorder()
	r.Handler().ServeHTTP(got, late)
	if got.Code != http.StatusOK {
		t.Errorf("late request: got status %d, %s", got.Code, got.Body)
	}
	close(answer)
	if got := <-underWay; got != `{"data":{"hello":"hi"}}` {
		t.Errorf("request in progress: got %s", got)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}
