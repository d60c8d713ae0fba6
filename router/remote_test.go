package router_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"souk/router"
	"souk/router/gateway/config"
	"souk/router/internal/remote/remotetest"
	"souk/telemetry"
)

// An elsewhere is a place outside the router that has a supergraph.
type elsewhere struct {
	set  func(text string)
	stop func()
	from config.Remote
}

// places are the kinds of them, with the media type that users push artifacts with.
var places = map[string]func(*testing.T) elsewhere{
	"url": func(t *testing.T) elsewhere {
		var text atomic.Pointer[string]
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Api-Key") != "secret" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			tag := fmt.Sprintf(`"%d"`, len(*text.Load()))
			w.Header().Set("ETag", tag)
			if r.Header.Get("If-None-Match") == tag {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			fmt.Fprint(w, *text.Load())
		}))
		t.Cleanup(server.Close)
		return elsewhere{set: func(s string) { text.Store(&s) }, stop: server.Close, from: config.Remote{URL: server.URL, Headers: map[string]string{"X-Api-Key": "secret"}}}
	},
	"oci": func(t *testing.T) elsewhere {
		r := remotetest.NewRegistry(t)
		r.LogIn(t, true)
		return elsewhere{
			set: func(s string) {
				r.Push(t, "production", remotetest.Layer{MediaType: "application/apollo.schema", Text: s})
			},
			stop: r.Stop, from: config.Remote{URL: r.URL() + ":production", PlainHTTP: true},
		}
	},
	"s3": func(t *testing.T) elsewhere {
		b := remotetest.NewBucket(t)
		return elsewhere{
			set:  func(s string) { b.Put(t, "supergraph.graphql", s) },
			stop: b.Stop, from: config.Remote{URL: b.URL("supergraph.graphql"), Endpoint: b.Endpoint},
		}
	},
}

// withField is a supergraph in which a Product has another field.
func withField(name string) string {
	return strings.Replace(productSDL, "id: ID! ", "id: ID! "+name+": String ", 1)
}

// An away is a router whose supergraph is elsewhere.
type away struct {
	*router.Reloadable
	t      *testing.T
	log    *lockedBuffer
	config config.Config
}

func startAway(t *testing.T, c config.Config) (*away, error) {
	t.Helper()
	a := &away{t: t, log: new(lockedBuffer), config: c}
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: a.log})
	if err != nil {
		t.Fatal(err)
	}
	if a.Reloadable, err = router.NewReloadable(t.Context(), c, router.Options{Telemetry: tel}); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *away) request(h http.Handler, method, path, body string) string {
	r := httptest.NewRequestWithContext(a.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Body.String()
}

// serves reports whether Product has a field.
func (a *away) serves(field string) bool {
	return strings.Contains(a.request(a.Handler(), "POST", "/graphql", `{"query":"{ __type(name: \"Product\") { fields { name } } }"}`), `"`+field+`"`)
}

// becomes waits until a condition holds.
func (a *away) becomes(what string, condition func() bool) {
	a.t.Helper()
	for end := time.Now().Add(30 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			a.t.Fatalf("timed out: %s\n%s", what, a.log)
		}
	}
}

func (a *away) state(kind, state string) func() bool {
	return func() bool {
		return strings.Contains(a.request(a.Admin(), "GET", "/readyz", ""), `"name":"supergraph/`+kind+`","status":"`+state+`"`)
	}
}

// A supergraph that is elsewhere is followed, refused and rolled back like a file. While the place
// is away, the last good one stays in use, also after a change of the configuration and a restart.
func TestSupergraphFromElsewhere(t *testing.T) {
	for kind, open := range places {
		t.Run(kind, func(t *testing.T) {
			place, copied := open(t), filepath.Join(t.TempDir(), "copy.graphql")
			c := config.Default()
			from := c.Supergraph.Remote
			from.URL, from.Headers, from.PlainHTTP, from.Endpoint = place.from.URL, place.from.Headers, place.from.PlainHTTP, place.from.Endpoint
			from.PollInterval, from.CacheFile = 10*time.Millisecond, copied
			c.Supergraph.Remote, c.Supergraph.PollInterval = from, 10*time.Millisecond

			place.set(withField("one"))
			a, err := startAway(t, c)
			if err != nil {
				t.Fatal(err)
			}
			if !a.serves("one") {
				t.Fatal("the first supergraph is not in use")
			}
			place.set(withField("second"))
			a.becomes("the second supergraph is in use", func() bool { return a.serves("second") })
			place.set("type Query { broken }")
			a.becomes("the broken supergraph is reported", a.state(kind, "DOWN"))
			if !a.serves("second") || !strings.Contains(a.log.String(), "the new supergraph is invalid; keeping the current one") {
				t.Errorf("the second supergraph is not in use:\n%s", a.log)
			}
			if metrics := a.request(a.Admin(), "GET", "/metrics", ""); !strings.Contains(metrics, `souk_router_supergraph_loads_total{result="failed"} 1`) {
				t.Errorf("the failed load is not counted once:\n%s", metrics)
			}
			place.set(withField("thirdOne"))
			a.becomes("the third supergraph is in use", func() bool { return a.serves("thirdOne") })
			a.becomes("the place is up", a.state(kind, "UP"))
			a.becomes("the copy is the third one", func() bool {
				text, _ := os.ReadFile(copied)
				return string(text) == withField("thirdOne")
			})

			place.stop()
			a.becomes("the place is down", a.state(kind, "DOWN"))
			changed := c
			changed.Dev = true
			if err := a.Reconfigure(t.Context(), changed, nil); err != nil {
				t.Errorf("the configuration cannot change while the place is away: %v", err)
			}
			if !a.serves("thirdOne") {
				t.Error("a change of the configuration has lost the supergraph")
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			again, err := startAway(t, c)
			if err != nil {
				t.Fatalf("a restart without the place: %v", err)
			}
			if !again.serves("thirdOne") || !again.state(kind, "DOWN")() || !strings.Contains(again.log.String(), "using the last good one") {
				t.Errorf("the copy is not in use, or that is not said:\n%s", again.log)
			}
			if err := again.Close(); err != nil {
				t.Error(err)
			}
			c.Supergraph.Remote.CacheFile = ""
			if _, err := startAway(t, c); err == nil || !strings.Contains(err.Error(), "set supergraph.remote.cache_file to start with the last good one") {
				t.Errorf("without a copy: got %v", err)
			}
		})
	}
}

// A supergraph that the router cannot serve is refused, unless the configuration has another URL
// for its subgraph. What has no effect is logged.
func TestSupergraphThatCannotBeServed(t *testing.T) {
	grpc := strings.Replace(productSDL, "name: String }", "name: String @shiny }", 1)
	grpc = strings.Replace(grpc, `url: "http:`, `url: "grpc:`, 1)
	if !strings.Contains(grpc, "grpc:") || !strings.Contains(grpc, "@shiny") {
		t.Fatalf("the supergraph has not changed:\n%s", grpc)
	}
	start := func(c config.Config) (*away, error) {
		file := filepath.Join(t.TempDir(), "supergraph.graphql")
		replace(t, file, grpc)
		c.Supergraph.File = file
		return startAway(t, c)
	}
	if _, err := start(config.Default()); err == nil || !strings.Contains(err.Error(), "the supergraph cannot be served: the subgraph a is reached only by grpc") {
		t.Errorf("got %v", err)
	}
	c := config.Default()
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {"http://localhost:1/graphql"}}
	a, err := start(c)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if !strings.Contains(a.log.String(), "@shiny is applied at Product.name") {
		t.Errorf("the log does not have @shiny:\n%s", a.log)
	}
}
