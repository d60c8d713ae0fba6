package browser_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"souk/schema"
)

// request sends an operation to the router of the console, whose subgraphs are not there.
func (c *console) request(query string) {
	r := httptest.NewRequestWithContext(c.t.Context(), http.MethodPost, "/graphql", strings.NewReader(`{"query":"`+query+`"}`))
	r.Header.Set("Content-Type", "application/json")
	c.router.Handler().ServeHTTP(httptest.NewRecorder(), r)
}

// consoleKeepsViews: while the router is away, each view that was open before shows what it had,
// and the others say that they cannot be loaded. A view that is opened again has its last run.
func consoleKeepsViews(t *testing.T, browser context.Context) {
	c := openConsole(t, schema.Supergraph)
	c.request("query Wrong { nothing }")
	c.request("query Users { users(first: 1) { nodes { id } } }")
	tab := c.open(browser, looks[0], "#/operation")
	tab.await("the editor", `document.querySelector('textarea.source')`)
	evaluate[chromedp.Void](tab, fill("textarea.source", `query Ran { users(first: 1) { nodes { id } } }`))
	evaluate[chromedp.Void](tab, pressText("button", "Run"))
	tab.await("the run", `document.querySelector('[aria-labelledby=run] a')`)
	trace := evaluate[string](tab, `document.querySelector('[aria-labelledby=run] a').hash`)
	const panelRow = `document.querySelector('.tab-panel tbody tr')`
	views := []struct{ hash, ready string }{
		{"#/operation", `document.querySelector('[aria-labelledby=run]')?.innerText.includes('Duration') && document.querySelector('.plan-tree') && document.querySelector('.recent tbody tr') && document.querySelector('textarea.source').value.includes('Ran')`},
		{trace, `document.querySelector('.trace h2')?.innerText.includes('Ran') && document.querySelector('.w-fetch')`},
		{"#/graph", `document.querySelectorAll('.subgraph-node').length === 5 && document.querySelector('.edge path')`},
		{"#/graph/Product/inStock", `document.querySelector('.focus-node') && document.querySelector('.details .facts')`},
		{"#/subgraph/product", `document.querySelector('.type-node') && document.querySelector('.details')?.innerText.includes('Circuit breaker')`},
		{"#/reloads", `document.querySelector('main').innerText.includes('Nothing has been reloaded')`},
		{"#/traffic", `document.querySelectorAll('.plot canvas').length === 4 && ` + panelRow + ` && document.querySelector('.tiles')?.innerText.includes('in all')`},
		{"#/traffic/failing", panelRow},
		{"#/traffic/errors", panelRow},
		{"#/traffic/clients", `document.querySelector('.tab-panel')`},
		{"#/traffic/subgraphs", `document.querySelectorAll('.tab-panel tbody tr').length === 5`},
		{"#/traffic/cache", `document.querySelector('.tab-panel table')`},
	}
	show := func(hash, ready string) {
		t.Helper()
		evaluate[chromedp.Void](tab, `location.hash = '`+hash+`'`)
		tab.await(hash, ready)
	}
	for _, view := range views {
		show(view.hash, view.ready)
	}
	// The map is not open when the router goes.
	show("#/traffic", views[6].ready)
	c.stop()
	tab.await("the banner", `document.querySelector('.banner[role=alert]')?.innerText.includes('from before')`)
	for _, view := range views {
		show(view.hash, view.ready+` && document.querySelector('.banner')`)
	}
	for hash, what := range map[string]string{"#/traffic/limits": "limits", "#/operation/trace/00000000000000000000000000000001": "trace"} {
		show(hash, `document.querySelector('main .state[role=alert]')?.innerText.includes('Cannot load the `+what+`. The router does not respond.')`)
	}
	// Figures of one window are not shown as those of another.
	show("#/traffic", views[6].ready)
	evaluate[chromedp.Void](tab, pressText(".toolbar button", "1 min"))
	tab.await("word of the window", `document.querySelector('main .state[role=alert]')?.innerText.includes('Cannot load the traffic') && !document.querySelector('.tiles')`)
	c.start()
	tab.await("the window", `document.querySelector('.toolbar [aria-pressed=true]').innerText === '1 min' && document.querySelector('.tiles') && !document.querySelector('.banner')`)
}
