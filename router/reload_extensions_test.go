package router_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"souk/router"
	"souk/router/auth"
	"souk/router/gateway/config"
	"souk/router/hook"
)

// labelledSDL is hookSDL with a field whose override has a label.
var labelledSDL = strings.NewReplacer(
	"join/v0.3", "join/v0.5",
	"scalar join__FieldSet", "scalar join__FieldSet\ndirective @join__field(graph: join__Graph, override: String, usedOverridden: Boolean, overrideLabel: String) repeatable on FIELD_DEFINITION",
	`url: "http://a.invalid/graphql") }`, `url: "http://a.invalid/graphql") B @join__graph(name: "b", url: "http://b.invalid") }`,
	"Query @join__type(graph: A) { hello: String secret: String", `Query @join__type(graph: A) @join__type(graph: B) {
  moved: String @join__field(graph: A, usedOverridden: true, overrideLabel: "moved") @join__field(graph: B, override: "a", overrideLabel: "moved")
  hello: String @join__field(graph: A)
  secret: String @join__field(graph: A)`,
	"scoped: String", "scoped: String @join__field(graph: A)",
).Replace(hookSDL)

// counts has a counter for each extension point.
type counts struct {
	made, middleware, admin, handler, authenticated, policies, labels, observed atomic.Int64
	closed                                                                      []string
	hooks                                                                       recorder
	supergraph                                                                  atomic.Value // of the last exchange
}

func (c *counts) Authenticate(*http.Request) (*auth.Caller, error) {
	c.authenticated.Add(1)
	return &auth.Caller{Subject: "ada"}, nil
}

func (c *counts) Evaluate(_ context.Context, _ *auth.Caller, names []string) (map[string]bool, error) {
	c.policies.Add(1)
	passed := map[string]bool{}
	for _, name := range names {
		passed[name] = true
	}
	return passed, nil
}

func (c *counts) BeginStage(ctx context.Context, _ hook.Stage) (context.Context, func(error)) {
	c.observed.Add(1)
	return ctx, func(error) {}
}

// counting returns middleware that counts how often it is made and called.
func (c *counts) counting(calls *atomic.Int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		c.made.Add(1)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			next.ServeHTTP(w, r)
		})
	}
}

// extensions uses every extension point.
func (c *counts) extensions() router.Extensions {
	own := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, c.handler.Add(1)) }
	note := c.hooks.hooks("1")
	request := note.Request
	note.Request = func(ctx context.Context, r *hook.Request) error {
		c.supergraph.Store(r.Supergraph)
		return request(ctx, r)
	}
	return router.Extensions{
		Middleware:      []func(http.Handler) http.Handler{c.counting(&c.middleware)},
		AdminMiddleware: []func(http.Handler) http.Handler{c.counting(&c.admin)},
		Handlers:        map[string]http.Handler{"GET /own": http.HandlerFunc(own)},
		AdminHandlers:   map[string]http.Handler{"GET /own": http.HandlerFunc(own)},
		Authenticator:   c,
		Policies:        c,
		OverrideLabels: func(*http.Request) []string {
			c.labels.Add(1)
			return nil
		},
		Hooks:    []hook.Hooks{note},
		Observer: c,
		Closers: []func() error{
			func() error { c.closed = append(c.closed, "first"); return nil },
			func() error { c.closed = append(c.closed, "second"); return errors.New("closing the second failed") },
		},
	}
}

// use passes every extension point once and checks that each was called.
func (c *counts) use(t *testing.T, h *hookedRouter, when string) {
	t.Helper()
	all := []*atomic.Int64{&c.middleware, &c.admin, &c.authenticated, &c.policies, &c.labels, &c.observed}
	before := make([]int64, len(all))
	for i, n := range all {
		before[i] = n.Load()
	}
	handled := c.handler.Load()
	c.hooks.take()
	if res, body := h.do(t, "POST", "/graphql", `{"query":"{ secret }"}`); res.StatusCode != 200 || !strings.Contains(body, `"secret":"s"`) {
		t.Errorf("%s: %d %s", when, res.StatusCode, body)
	}
	if got := c.hooks.take(); got != onceThrough {
		t.Errorf("%s the hooks ran as %s", when, got)
	}
	if _, body := h.do(t, "GET", "/own", ""); body != fmt.Sprint(handled+1) {
		t.Errorf("%s the handler says %s, want %d", when, body, handled+1)
	}
	w := httptest.NewRecorder()
	if h.Admin().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/own", nil)); w.Body.String() != fmt.Sprint(handled+2) {
		t.Errorf("%s the admin handler says %s, want %d", when, w.Body, handled+2)
	}
	for i, n := range all {
		if n.Load() == before[i] {
			t.Errorf("%s extension %d was not called", when, i)
		}
	}
	if n := c.made.Load(); n != 2 {
		t.Errorf("%s middleware has been made %d times, want once for each port", when, n)
	}
	if len(c.closed) > 0 {
		t.Errorf("%s the extensions are closed: %v", when, c.closed)
	}
}

// Extensions keep their state when the configuration and the supergraph change, and are
// closed once, with the router.
func TestExtensionsOutliveReloads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "supergraph.graphql")
	write := func(sdl string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(sdl), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(labelledSDL)
	c := &counts{}
	h := newHookedWith(t, "", func(to *config.Config) {
		to.Supergraph.File, to.Supergraph.HotReload, to.Supergraph.PollInterval = path, true, 10*time.Millisecond
	}, c.extensions())
	c.use(t, h, "at the start")

	next := h.config
	next.Limits.MaxDepth = 20
	if err := h.Reconfigure(t.Context(), next, nil); err != nil {
		t.Fatal(err)
	}
	c.use(t, h, "after a change of the configuration")

	wrong := h.config
	wrong.OverrideSubgraphURLs = config.SubgraphURLs{"none": {"http://127.0.0.1:1"}}
	if err := h.Reconfigure(t.Context(), wrong, nil); err == nil {
		t.Error("a configuration for another supergraph is accepted")
	}
	c.use(t, h, "after a change that was refused")

	before := c.supergraph.Load()
	write(labelledSDL + "\"\"\"Another version.\"\"\" scalar Another\n")
	eventually(t, func() bool {
		h.do(t, "POST", "/graphql", `{"query":"{ hello }"}`)
		return c.supergraph.Load() != before
	})
	c.use(t, h, "after a change of the supergraph")

	if err := h.Reconfigure(t.Context(), h.config, nil); err != nil {
		t.Fatal(err)
	}
	c.use(t, h, "after both")

	if err := h.Close(); err == nil || !strings.Contains(err.Error(), "closing the second failed") {
		t.Errorf("closing gives %v", err)
	}
	if !slices.Equal(c.closed, []string{"second", "first"}) {
		t.Errorf("closed are %v", c.closed)
	}
}

// Nothing that a program hands over stays open if there is no router in the end.
func TestExtensionsAreClosedIfTheRouterCannotStart(t *testing.T) {
	for name, start := range map[string]func(config.Config, router.Options) error{
		"New": func(c config.Config, o router.Options) error {
			_, err := router.New(t.Context(), c, o)
			return err
		},
		"NewReloadable": func(c config.Config, o router.Options) error {
			_, err := router.NewReloadable(t.Context(), c, o)
			return err
		},
	} {
		closed := 0
		o := router.Options{Supergraph: "not SDL", Extensions: router.Extensions{Closers: []func() error{func() error { closed++; return nil }}}}
		if err := start(config.Default(), o); err == nil || closed != 1 {
			t.Errorf("%s gives %v and closes %d times", name, err, closed)
		}
	}
	r, err := router.New(t.Context(), config.Default(), router.Options{Supergraph: smallSDL, Extensions: router.Extensions{Closers: []func() error{func() error { return errors.New("closed") }}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("closing a Router gives %v", err)
	}
}

// A subscription that is open during a change of the supergraph keeps its hooks and what
// they know of the supergraph; later operations on the same connection have the new one.
func TestHooksOfOpenSubscriptionsOutliveReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "supergraph.graphql")
	if err := os.WriteFile(path, []byte(hookSDL), 0o600); err != nil {
		t.Fatal(err)
	}
	ticks := make(chan int)
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // an open body would hide that the router has gone
		if r.Header.Get("Accept") != "text/event-stream" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"data":{"hello":"hi"}}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			select {
			case n := <-ticks:
				fmt.Fprintf(w, "event: next\ndata: {\"data\":{\"ticks\":%d}}\n\n", n)
			case <-r.Context().Done():
				return
			}
			_ = http.NewResponseController(w).Flush()
		}
	}))
	defer subgraph.Close()
	h := newHookedWith(t, "", func(to *config.Config) {
		to.Supergraph.File, to.Supergraph.HotReload, to.Supergraph.PollInterval = path, true, 10*time.Millisecond
		to.OverrideSubgraphURLs = config.SubgraphURLs{"a": {subgraph.URL}}
		to.Subscriptions.DrainPeriod = 10 * time.Millisecond
	}, router.Extensions{Hooks: []hook.Hooks{{
		SubgraphResponse: func(_ context.Context, r *hook.SubgraphResponse) error { return r.SetExtension("event", r.Supergraph) },
		Response:         func(_ context.Context, r *hook.Response) error { return r.SetExtension("response", r.Supergraph) },
	}}})
	c, _ := openHookedSocket(t, h).(*socketConnection)
	extensions := func(message string) (list struct{ Event, Response string }) {
		t.Helper()
		var m struct {
			Payload struct {
				Extensions struct{ Event, Response string }
			}
		}
		if err := json.Unmarshal([]byte(message), &m); err != nil || m.Payload.Extensions.Event == "" || m.Payload.Extensions.Response != m.Payload.Extensions.Event {
			t.Errorf("the hooks of %s disagree or did not run (%v)", message, err)
		}
		return m.Payload.Extensions
	}
	tick := func(n int) string {
		t.Helper()
		ticks <- n
		return c.read(t)
	}
	c.write(t, `{"id":"s","type":"subscribe","payload":{"query":"subscription { ticks }"}}`)
	first := extensions(tick(1))

	if err := os.WriteFile(path, []byte(hookSDL+"scalar Another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		next, _, _ := strings.Cut(c.run(t, `{"query":"{ hello }"}`), "\n")
		return extensions(next) != first
	})
	if got := tick(2); !strings.Contains(got, `"ticks":2`) || extensions(got) != first {
		t.Errorf("after the change of the supergraph, the subscription has %s, want the supergraph %v", got, first)
	}

	// Another configuration ends the connection, so that the client comes back to the new
	// router, which has the same hooks.
	if err := h.Reconfigure(t.Context(), h.config, nil); err != nil {
		t.Fatal(err)
	}
	for {
		if _, _, err := c.conn.Read(t.Context()); err != nil {
			break
		}
	}
	c, _ = openHookedSocket(t, h).(*socketConnection)
	next, _, _ := strings.Cut(c.run(t, `{"query":"{ hello }"}`), "\n")
	if extensions(next) == first {
		t.Errorf("after the change of the configuration, a query has %s", next)
	}
}
