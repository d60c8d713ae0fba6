package browser_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"souk/router"
	"souk/router/gateway/config"
	"souk/schema"
	"souk/telemetry"
)

const consoleToken = "console-t0ken"

// A console is that of a router outside development mode, which follows a supergraph file.
type console struct {
	t       *testing.T
	router  *router.Reloadable
	file    string
	address string
	server  *http.Server
	// fault responds to requests to the API if it is set; to /info only if info is set.
	fault atomic.Pointer[http.HandlerFunc]
	info  atomic.Bool
	// refused is a prefix of paths that get status 429.
	refused atomic.Pointer[string]
}

func openConsole(t *testing.T, sdl string, configure ...func(*config.Config)) *console {
	t.Helper()
	c := &console{t: t, file: filepath.Join(t.TempDir(), "supergraph.graphql"), address: "127.0.0.1:0"}
	c.load(sdl)
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	settings := config.Default()
	settings.Supergraph.File, settings.Supergraph.HotReload, settings.Supergraph.PollInterval = c.file, true, 0
	settings.Admin.Console.Enabled, settings.Admin.Console.Token = true, consoleToken
	for _, each := range configure {
		each(&settings)
	}
	if c.router, err = router.NewReloadable(t.Context(), settings, router.Options{Telemetry: tel, Version: "1.2.3"}); err != nil {
		t.Fatal(err)
	}
	c.start()
	t.Cleanup(func() {
		c.stop()
		if err := c.router.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// load replaces the supergraph file at once, so that the router never reads half of it.
func (c *console) load(sdl string) {
	c.t.Helper()
	next := c.file + ".next"
	if err := os.WriteFile(next, []byte(sdl), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(next, c.file); err != nil {
		c.t.Fatal(err)
	}
}

// start listens, on the same address as before.
func (c *console) start() {
	c.t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(c.t.Context(), "tcp", c.address)
	if err != nil {
		c.t.Fatal(err)
	}
	c.address, c.server = listener.Addr().String(), &http.Server{Handler: http.HandlerFunc(c.serve)}
	go func() { _ = c.server.Serve(listener) }() // it ends with stop
}

func (c *console) serve(w http.ResponseWriter, r *http.Request) {
	if refused := c.refused.Load(); refused != nil && strings.HasPrefix(r.URL.Path, *refused) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"title":"Too Many Requests","status":429,"detail":"Too many wrong tokens."}`)) // the page may have gone
		return
	}
	if fault := c.fault.Load(); fault != nil && strings.HasPrefix(r.URL.Path, "/console/api/") && (c.info.Load() || r.URL.Path != "/console/api/info") {
		(*fault)(w, r)
		return
	}
	c.router.Admin().ServeHTTP(w, r)
}

// stop closes the listener and all connections.
func (c *console) stop() {
	if err := c.server.Close(); err != nil {
		c.t.Error(err)
	}
}

func (c *console) url(hash string) string { return "http://" + c.address + "/console/" + hash }

// open opens a view and enters the token.
func (c *console) open(browser context.Context, look look, hash string) *tab {
	c.t.Helper()
	tab := openTab(c.t, browser, look)
	tab.run(chromedp.Navigate(c.url(hash)))
	tab.await("the token prompt", `document.querySelector('#token')`)
	tab.enterToken(consoleToken)
	tab.await("the console", `document.querySelector('.live.good')`)
	return tab
}

func (p *tab) enterToken(token string) {
	p.t.Helper()
	evaluate[chromedp.Void](p, fill("#token", token))
	evaluate[chromedp.Void](p, `document.querySelector('button[type=submit]').click()`)
}

// consoleAsksForTheToken: without it the page shows nothing of the router, and it
// forgets the token with the tab.
func consoleAsksForTheToken(t *testing.T, browser context.Context) {
	c := openConsole(t, schema.Supergraph)
	tab := openTab(t, browser, looks[2])
	tab.run(chromedp.Navigate(c.url("#/graph/Product")))
	tab.await("the token prompt", `document.querySelector('#token')`)
	tab.picture("console-token", false)
	if text := evaluate[string](tab, `document.body.innerText`); strings.Contains(text, "Product") || strings.Contains(text, "1.2.3") {
		t.Errorf("without the token the page shows\n%s", text)
	}
	tab.enterToken("wrong")
	tab.await("the refusal", `document.querySelector('#token-message')?.innerText.includes('does not accept')`)
	tab.enterToken(consoleToken)
	tab.await("the view", `document.querySelector('.focus-node')`)
	tab.run(chromedp.Reload())
	tab.await("the view without a prompt", `document.querySelector('.focus-node')`)
	if stored := evaluate[string](tab, `JSON.stringify(localStorage) + document.cookie`); strings.Contains(stored, consoleToken) {
		t.Errorf("the token outlives the tab: %s", stored)
	}
	tab.wantRequestsTo(c.url(""))
}

// consoleShowsReloads: a new supergraph appears with what it changes, and one that the
// router refuses with the reason.
func consoleShowsReloads(t *testing.T, browser context.Context) {
	c := openConsole(t, schema.Supergraph)
	tab := c.open(browser, looks[0], "#/reloads")
	without := regexp.MustCompile(`(  """[^"]*"""\n)?  imageUrl: .*\n`).ReplaceAllString(schema.Supergraph, "")
	if without == schema.Supergraph {
		t.Fatal("the supergraph has no field imageUrl to remove")
	}
	c.load(without)
	tab.await("the change", `[...document.querySelectorAll('.changes .removed')].some(e => e.innerText.includes('Product.imageUrl'))`)
	c.load("type Query {")
	tab.await("the refusal", `document.querySelector('.timeline .badge.bad')?.innerText === 'rejected' && document.querySelector('.timeline .notice.bad')?.innerText !== ''`)
	tab.picture("console-reloads", false)
	tab.run(chromedp.Navigate(c.url("#/graph/Product")))
	tab.await("the new graph", `document.querySelector('.fields') && !document.querySelector('.fields').innerText.includes('imageUrl')`)
}

// consoleReconnects: while the router is away the page says so and keeps what it shows.
func consoleReconnects(t *testing.T, browser context.Context) {
	c := openConsole(t, schema.Supergraph)
	tab := c.open(browser, looks[0], "#/graph")
	tab.await("the map", `document.querySelectorAll('.subgraph-node').length === 5`)
	c.stop()
	tab.await("the banner", `document.querySelector('.banner[role=alert]') && document.querySelector('.live')?.innerText.includes('reconnecting')`)
	if kept := evaluate[int](tab, `document.querySelectorAll('.subgraph-node').length`); kept != 5 {
		t.Errorf("while the router is away the map shows %d subgraphs", kept)
	}
	evaluate[chromedp.Void](tab, `location.hash = '#/graph/Product'`)
	tab.await("the view that needs no request", `document.querySelector('.focus-node')`)
	evaluate[chromedp.Void](tab, `location.hash = '#/reloads'`)
	tab.await("the view without data", `document.querySelector('main .state[role=alert]')?.innerText.includes('does not respond')`)
	c.start()
	tab.await("the router again", `!document.querySelector('.banner') && document.querySelector('.live.good')`)
	tab.await("the data", `document.querySelector('main').innerText.includes('Nothing has been reloaded')`)
}

// consoleStaysUsableWithLargeGraphs: with 5,000 types the page draws only a part of them,
// finds each, and its document stays small.
func consoleStaysUsableWithLargeGraphs(t *testing.T, browser context.Context) {
	c := openConsole(t, largeSupergraph(25, 200))
	for _, look := range []look{looks[0], looks[3]} {
		t.Run(look.name, func(t *testing.T) {
			t.Parallel()
			tab := c.open(browser, look, "#/graph")
			tab.await("the subgraphs", `document.querySelectorAll('.subgraph-node').length === 25`)
			tab.picture("console-large-"+look.name, false)
			if text := evaluate[string](tab, `document.querySelector('.list-head').innerText`); text != "5,001 types" {
				t.Errorf("the list has %q", text)
			}
			tab.run(chromedp.Navigate(c.url("#/subgraph/subgraph-7")))
			tab.await("the types of a subgraph", `document.querySelectorAll('.type-node').length === 100 && document.querySelector('.canvas header').innerText.includes('more types')`)
			tab.picture("console-large-subgraph-"+look.name, false)
			tab.wantWholeMap()
			evaluate[chromedp.Void](tab, `document.querySelector('[aria-label="Zoom in"]').click()`)
			tab.await("a part of the map", `!(`+wholeMap+`)`)
			evaluate[chromedp.Void](tab, `document.querySelector('[aria-label="Show everything"]').click()`)
			tab.await("all of the map", wholeMap)
			evaluate[chromedp.Void](tab, fill(".search input", "Subgraph24Type199.name"))
			tab.await("the field", `document.querySelector('.long-list [role=option]')?.innerText.includes('Subgraph24Type199.name')`)
			evaluate[chromedp.Void](tab, `document.querySelector('.long-list [role=option]').click()`)
			tab.await("the type around it", `document.querySelector('.focus-node')?.innerText.includes('Subgraph24Type199')`)
			if elements := evaluate[int](tab, `document.querySelectorAll('*').length`); elements > 2500 {
				t.Errorf("the document has %d elements", elements)
			}
		})
	}
}

// largeSupergraph is the SDL of subgraphs with types that refer to each other.
func largeSupergraph(subgraphs, types int) string {
	var sdl strings.Builder
	sdl.WriteString(`schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query }
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean) repeatable on FIELD_DEFINITION
scalar link__Import
scalar join__FieldSet
enum link__Purpose { SECURITY EXECUTION }
enum join__Graph {
`)
	for s := range subgraphs {
		fmt.Fprintf(&sdl, "  S%d @join__graph(name: \"subgraph-%[1]d\", url: \"http://127.0.0.1:1/%[1]d\")\n", s)
	}
	sdl.WriteString("}\ntype Query @join__type(graph: S0) { first: Subgraph0Type0 @join__field(graph: S0) }\n")
	for s := range subgraphs {
		for n := range types {
			fmt.Fprintf(&sdl, `type Subgraph%[1]dType%[2]d @join__type(graph: S%[1]d, key: "id") {
  id: ID!
  name: String @deprecated(reason: "Use id.")
  aFieldWithANameThatIsMuchLongerThanThePlaceForIt: Int
  next: Subgraph%[1]dType%[3]d
  other: Subgraph%[1]dType%[4]d
}
`, s, n, (n+1)%types, (n*7)%types)
		}
	}
	return sdl.String()
}

// emptyViews are the views with JavaScript that is true once they say that there is nothing.
var emptyViews = []struct{ name, hash, ready string }{
	{"operation", "#/operation", `document.querySelector('.recent .state')`},
	{"traffic", "#/traffic", `document.querySelector('.traffic > .notice')?.innerText.includes('No requests') && document.querySelector('.tab-panel .state')`},
	{"slow", "#/traffic/slow", `document.querySelector('.tab-panel .state')`},
	{"errors", "#/traffic/errors", `document.querySelector('.tab-panel .state')`},
	{"clients", "#/traffic/clients", `document.querySelector('.tab-panel .state')`},
	{"subgraph table", "#/traffic/subgraphs", `document.querySelectorAll('.tab-panel tbody tr').length === 5`},
	{"cache", "#/traffic/cache", `document.querySelector('.tab-panel table')`},
	{"subscriptions", "#/traffic/subscriptions", `document.querySelector('.tab-panel .state')`},
	{"reloads", "#/reloads", `document.querySelector('main .state')`},
	{"no trace", "#/operation/trace/00000000000000000000000000000001", `document.querySelector('main .state')?.innerText.includes('no trace')`},
	{"no type", "#/graph/Nothing", `document.querySelector('.canvas .state')?.innerText.includes('There is no type Nothing.') && !document.querySelector('.map, .details')`},
	{"no subgraph", "#/subgraph/nothing", `document.querySelector('.canvas .state')?.innerText.includes('There is no subgraph nothing.') && !document.querySelector('.map, .details')`},
	{"no field", "#/graph/Product/nothing", `document.querySelector('.details')?.innerText.includes('Product has no field nothing.')`},
	{"no view", "#/nothing", `document.querySelector('main .state')`},
}

// consoleExplainsAbsenceOfTraffic: without traffic every view says that there is nothing.
func consoleExplainsAbsenceOfTraffic(t *testing.T, browser context.Context) {
	axe, c := readAxe(t), openConsole(t, schema.Supergraph)
	for _, look := range []look{looks[0], looks[3]} {
		t.Run(look.name, func(t *testing.T) {
			t.Parallel()
			tab := c.open(browser, look, "#/reloads")
			for _, view := range emptyViews {
				tab.run(chromedp.Navigate(c.url(view.hash)))
				tab.await(view.name, view.ready)
				tab.picture("console-empty-"+view.name+"-"+look.name, true)
				tab.check(view.name, axe)
				tab.wantWholeText(view.name)
			}
		})
	}
}

// consoleShowsErrors: a view that waits says so, one whose data cannot be read says why, and
// Retry reads it again.
func consoleShowsErrors(t *testing.T, browser context.Context) {
	axe, c := readAxe(t), openConsole(t, schema.Supergraph)
	waiting := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	broken := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(`{"title":"Internal Server Error","status":500,"detail":"Out of order."}`)) // the page may have gone
	})
	tab := c.open(browser, looks[2], "#/nothing")
	for _, view := range []string{"graph", "operation", "traffic", "reloads"} {
		c.fault.Store(&waiting)
		tab.run(chromedp.Navigate(c.url("#/" + view)))
		tab.await("the wait for "+view, `document.querySelector('main .state[aria-busy]')`)
		tab.picture("console-loading-"+view, false)
		tab.check("loading "+view, axe)
		c.fault.Store(&broken)
		tab.run(chromedp.Navigate(c.url("#/nothing")))
		tab.await("another view", `document.querySelector('main .state')?.innerText.includes('no such view')`)
		tab.run(chromedp.Navigate(c.url("#/" + view)))
		tab.await("the error of "+view, `document.querySelector('main .state[role=alert]')?.innerText.includes('Out of order.')`)
		tab.picture("console-error-"+view, true)
		tab.check("error of "+view, axe)
		c.fault.Store(nil)
		evaluate[chromedp.Void](tab, `document.querySelectorAll('main [role=alert] button').forEach(e => e.click())`)
		tab.await("the view after the error", `!document.querySelector('main [role=alert] button')`)
	}
}
