package router_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"souk/router"
	"souk/router/compose"
	"souk/router/gateway/config"
	"souk/router/mock"
	"souk/telemetry"
)

// A rollout is a router with two subgraphs that are updated one by one.
type rollout struct {
	router *router.Reloadable
	config config.Config
	file   string
	log    lockedBuffer
	list   []compose.Subgraph
	served map[string]*atomic.Pointer[mock.Subgraph]
	asked  atomic.Int64 // reads of _service
}

const (
	itemsV1 = "type Query { items: [Item!]! }\ntype Item @key(fields: \"id\") { id: ID! name: String }\n"
	itemsV2 = "type Query { items: [Item!]! }\ntype Item @key(fields: \"id\") { id: ID! name: String weight(unit: Unit!): Float }\nenum Unit { KG LB }\n"
	pricing = "type Item @key(fields: \"id\") { id: ID! price: Float }\n"
)

func newRollout(t *testing.T, wait time.Duration, changes ...func(*rollout)) *rollout {
	t.Helper()
	r := &rollout{config: config.Default(), file: filepath.Join(t.TempDir(), "supergraph.graphql"), served: map[string]*atomic.Pointer[mock.Subgraph]{}}
	for name, sdl := range map[string]string{"items": itemsV1, "pricing": pricing} {
		current := new(atomic.Pointer[mock.Subgraph])
		r.served[name] = current
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			body, err := io.ReadAll(req.Body)
			if err != nil {
				t.Error(err)
			}
			if strings.Contains(string(body), "_service") {
				r.asked.Add(1)
			}
			req.Body = io.NopCloser(strings.NewReader(string(body)))
			current.Load().ServeHTTP(w, req)
		}))
		t.Cleanup(server.Close)
		r.list = append(r.list, compose.Subgraph{Name: name, URL: server.URL})
		r.deploy(t, name, sdl)
		r.write(t, name, sdl)
	}
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: &r.log})
	if err != nil {
		t.Fatal(err)
	}
	r.config.Supergraph = config.Supergraph{File: r.file, HotReload: true, PollInterval: 10 * time.Millisecond, WaitForSubgraphs: wait}
	for _, change := range changes {
		change(r)
	}
	if r.router, err = router.NewReloadable(t.Context(), r.config, router.Options{Telemetry: tel}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.router.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// deploy replaces the program of a subgraph.
func (r *rollout) deploy(t *testing.T, name, sdl string) {
	t.Helper()
	made, err := mock.New(mock.Options{SDL: federation2 + sdl})
	if err != nil {
		t.Fatal(err)
	}
	r.served[name].Store(made)
}

const federation2 = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])` + "\n"

// write composes a supergraph with another SDL of a subgraph, once all have one.
func (r *rollout) write(t *testing.T, name, sdl string) {
	t.Helper()
	complete := len(r.list) == 2
	for i := range r.list {
		if r.list[i].Name == name {
			r.list[i].SDL = federation2 + sdl
		}
		complete = complete && r.list[i].SDL != ""
	}
	if !complete {
		return
	}
	composed, err := compose.Compose(t.Context(), r.list)
	if err != nil {
		t.Fatal(err)
	}
	next := r.file + ".next"
	if err := os.WriteFile(next, []byte(composed.SDL), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, r.file); err != nil {
		t.Fatal(err)
	}
}

func (r *rollout) get(t *testing.T, handler http.Handler, method, path, body string) (int, string) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, request)
	return w.Code, w.Body.String()
}

// serves reports whether clients can query a field of Item.
func (r *rollout) serves(t *testing.T, field string) bool {
	t.Helper()
	_, body := r.get(t, r.router.Handler(), "POST", "/graphql", fmt.Sprintf(`{"query":"{ items { id name price %s } }"}`, field))
	valid := !strings.Contains(body, "GRAPHQL_VALIDATION_FAILED")
	if valid && (!strings.Contains(body, `"name":"`) || strings.Contains(body, `"errors"`)) {
		t.Fatalf("got %s", body)
	}
	return valid
}

// checks waits until the router has asked the subgraphs some more times.
func (r *rollout) checks(t *testing.T, more int64) {
	t.Helper()
	reached := r.asked.Load() + more
	eventually(t, func() bool { return r.asked.Load() >= reached })
}

func (r *rollout) metric(t *testing.T, line string) bool {
	t.Helper()
	_, body := r.get(t, r.router.Admin(), "GET", "/metrics", "")
	return strings.Contains(body, line+"\n")
}

// A supergraph with a field that a subgraph does not serve yet waits, and clients are served
// by the old one, whose operations all succeed. When the subgraph is updated, the new field is
// served. A change that needs nothing new of a subgraph does not wait.
func TestSupergraphWaitsForItsSubgraphs(t *testing.T) {
	r := newRollout(t, time.Hour)
	const weight = "weight(unit: KG)"
	r.write(t, "items", itemsV2)
	r.checks(t, 3)
	if r.serves(t, weight) || !r.serves(t, "") {
		t.Error("the new supergraph is in use before the subgraph serves it")
	}
	if !r.metric(t, "souk_router_supergraph_waiting 1") || !r.metric(t, `souk_router_supergraph_loads_total{result="failed"} 0`) {
		t.Error("the metrics do not say that a supergraph waits")
	}
	if status, _ := r.get(t, r.router.Admin(), "GET", "/readyz", ""); status != http.StatusOK {
		t.Errorf("/readyz has status %d", status)
	}
	if text := r.log.String(); !strings.Contains(text, "waits for its subgraphs") || !strings.Contains(text, `Item.weight(unit:)`) {
		t.Errorf("the log does not say what is missing: %s", text)
	}

	r.deploy(t, "items", itemsV2)
	eventually(t, func() bool { return r.serves(t, weight) })
	if !r.metric(t, "souk_router_supergraph_waiting 0") || !r.metric(t, `souk_router_supergraph_loads_total{result="ok"} 2`) {
		t.Error("the metrics do not say that the supergraph is loaded")
	}

	asked := r.asked.Load()
	r.write(t, "items", itemsV1)
	eventually(t, func() bool { return !r.serves(t, weight) })
	if n := r.asked.Load() - asked; n != 0 {
		t.Errorf("a supergraph with less asked the subgraphs %d times", n)
	}
}

// A remote supergraph waits as well, also if a new configuration comes meanwhile. The copy on disk
// is the supergraph in use.
func TestRemoteSupergraphWaitsForItsSubgraphs(t *testing.T) {
	copied := filepath.Join(t.TempDir(), "copy.graphql")
	r := newRollout(t, time.Hour, func(r *rollout) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			text, err := os.ReadFile(r.file)
			if err != nil {
				t.Error(err)
			}
			sum := sha256.Sum256(text)
			w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
			http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(text))
		}))
		t.Cleanup(server.Close)
		from := config.Default().Supergraph.Remote
		from.URL, from.PollInterval, from.CacheFile = server.URL, 10*time.Millisecond, copied
		r.config.Supergraph.Remote = from
	})
	inCopy := func(field string) bool {
		text, err := os.ReadFile(copied)
		return err == nil && strings.Contains(string(text), field)
	}
	const weight = "weight(unit: KG)"
	r.write(t, "items", itemsV2)
	r.checks(t, 3)
	changed := r.config
	changed.Introspection = false
	if err := r.router.Reconfigure(t.Context(), changed, nil); err != nil {
		t.Fatal(err)
	}
	r.checks(t, 3)
	if r.serves(t, weight) || inCopy("weight") || !inCopy("price") {
		t.Error("the new supergraph is in use, or in the copy, before the subgraph serves it")
	}
	r.deploy(t, "items", itemsV2)
	eventually(t, func() bool { return r.serves(t, weight) && inCopy("weight") })
}

// While a subgraph has replicas of two versions, the supergraph waits: it must see the new
// one ten times in a row.
func TestSupergraphWaitsForEveryReplica(t *testing.T) {
	r := newRollout(t, time.Hour)
	old := r.served["items"].Load()
	r.deploy(t, "items", itemsV2)
	next := r.served["items"].Load()
	var turn atomic.Int64
	mixed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if turn.Add(1)%5 == 0 {
			old.ServeHTTP(w, req)
		} else {
			next.ServeHTTP(w, req)
		}
	}))
	t.Cleanup(mixed.Close)
	c := r.config
	c.OverrideSubgraphURLs = config.SubgraphURLs{"items": {mixed.URL}}
	if err := r.router.Reconfigure(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	r.write(t, "items", itemsV2)
	eventually(t, func() bool { return turn.Load() > 25 })
	if r.serves(t, "weight(unit: KG)") {
		t.Error("the new supergraph is in use although a replica does not serve it")
	}
}

// After its time, a supergraph that still waits counts as a failed load, and readiness does
// not change. It comes into use when the subgraph serves it. Restoring the file ends the wait.
func TestSupergraphThatWaitsTooLongIsReported(t *testing.T) {
	r := newRollout(t, time.Nanosecond)
	r.write(t, "items", itemsV2)
	eventually(t, func() bool { return r.metric(t, `souk_router_supergraph_loads_total{result="failed"} 1`) })
	if status, body := r.get(t, r.router.Admin(), "GET", "/readyz", ""); status != http.StatusOK || !strings.Contains(body, `"status":"DOWN"`) {
		t.Errorf("/readyz: status %d, %s", status, body)
	}
	r.write(t, "items", itemsV1)
	eventually(t, func() bool { return r.metric(t, "souk_router_supergraph_waiting 0") })
	r.write(t, "items", itemsV2)
	r.checks(t, 1)
	r.deploy(t, "items", itemsV2)
	eventually(t, func() bool { return r.serves(t, "weight(unit: KG)") })
}

// A change of the configuration keeps the supergraph in use while the new one waits, also if
// both files change at once.
func TestReconfigureKeepsTheSupergraphThatWaits(t *testing.T) {
	r := newRollout(t, time.Hour)
	r.write(t, "items", itemsV2)
	config := r.config
	config.Limits.MaxDepth = 20
	if err := r.router.Reconfigure(context.WithoutCancel(t.Context()), config, nil); err != nil {
		t.Fatal(err)
	}
	r.checks(t, 3)
	if r.serves(t, "weight(unit: KG)") {
		t.Error("the new supergraph is in use after a change of the configuration")
	}
	r.deploy(t, "items", itemsV2)
	eventually(t, func() bool { return r.serves(t, "weight(unit: KG)") })
}

// A subgraph that hangs does not hold up a newer file: neither the one that is in use, which a
// rollback restores, nor another one.
func TestNewerSupergraphReplacesOneThatWaitsForAHangingSubgraph(t *testing.T) {
	r := newRollout(t, time.Hour)
	asked := make(chan struct{}, 1)
	hanging := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		if req.Body = io.NopCloser(strings.NewReader(string(body))); !strings.Contains(string(body), "_service") {
			r.served["items"].Load().ServeHTTP(w, req)
			return
		}
		select {
		case asked <- struct{}{}:
		default:
		}
		<-req.Context().Done() // until the router gives up
	}))
	t.Cleanup(hanging.Close)
	c := r.config
	c.OverrideSubgraphURLs = config.SubgraphURLs{"items": {hanging.URL}}
	c.TrafficShaping.Router.Timeout, c.TrafficShaping.All.Timeout = time.Hour, time.Hour
	if err := r.router.Reconfigure(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	r.write(t, "items", itemsV2)
	<-asked
	r.write(t, "items", itemsV1)
	eventually(t, func() bool { return r.metric(t, "souk_router_supergraph_waiting 0") })
	r.write(t, "items", itemsV2)
	<-asked
	r.write(t, "items", "type Query { items: [Item!]! }\ntype Item @key(fields: \"id\") { id: ID! }\n")
	eventually(t, func() bool {
		_, body := r.get(t, r.router.Handler(), "POST", "/graphql", `{"query":"{ items { id name } }"}`)
		return strings.Contains(body, "GRAPHQL_VALIDATION_FAILED")
	})
}
