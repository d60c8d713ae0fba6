package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"souk/dev"
)

// consoleLooks have each color scheme and each width that the console is made for.
var consoleLooks = []look{looks[0], looks[3], {name: "wall-light", width: 2560, height: 1400, scheme: "light"}}

// consoleViews are the views of the console with JavaScript that is true once they show the
// store's traffic.
var consoleViews = []struct{ name, hash, ready string }{
	{name: "subgraphs", hash: "#/graph", ready: `document.querySelectorAll('.subgraph-node').length === 5 && document.querySelector('.edge path')`},
	{name: "subgraph", hash: "#/subgraph/product", ready: `document.querySelector('.type-node') && document.querySelector('.details')?.innerText.includes('Circuit breaker')`},
	{name: "type", hash: "#/graph/Product", ready: `document.querySelector('.focus-node') && [...document.querySelectorAll('.uses')].some(e => Number(e.innerText) > 0)`},
	{name: "field", hash: "#/graph/Product/shippingEstimate", ready: `document.querySelector('.focus-node') && document.querySelector('.details')?.innerText.includes('@requires(fields: "weight")')`},
	{name: "operation", hash: "#/operation", ready: `document.querySelector('.recent tbody tr')`},
	{name: "trace", hash: "#/operation/trace/TRACE", ready: `document.querySelectorAll('.w-fetch').length === 4 && document.querySelector('.w-fetch.critical') && document.querySelector('.plan-tree')`},
	{name: "traffic", hash: "#/traffic", ready: `document.querySelectorAll('.plot canvas').length === 4 && document.querySelector('tbody')?.innerText.includes('Orders')`},
	{name: "slow", hash: "#/traffic/slow", ready: `document.querySelector('.tab-panel tbody tr') || document.querySelector('.tab-panel .state')`},
	{name: "failing", hash: "#/traffic/failing", ready: `document.querySelector('.tab-panel tbody')?.innerText.includes('GRAPHQL_VALIDATION_FAILED')`},
	{name: "errors", hash: "#/traffic/errors", ready: `document.querySelector('.tab-panel tbody')?.innerText.includes('GRAPHQL_VALIDATION_FAILED')`},
	{name: "clients", hash: "#/traffic/clients", ready: `document.querySelector('.tab-panel tbody')?.innerText.includes('shop 4.2')`},
	{name: "subgraph table", hash: "#/traffic/subgraphs", ready: `document.querySelectorAll('.tab-panel tbody tr').length === 5`},
	{name: "cache", hash: "#/traffic/cache", ready: `document.querySelectorAll('.tab-panel table').length >= 2`},
	{name: "limits", hash: "#/traffic/limits", ready: `document.querySelector('.tab-panel tbody')?.innerText.includes('max depth')`},
	{name: "subscriptions", hash: "#/traffic/subscriptions", ready: `document.querySelector('.tab-panel tbody')?.innerText.includes('Ticker')`},
	{name: "events", hash: "#/events", ready: `document.querySelector('main')?.innerText.includes('confirmed') && document.querySelectorAll('table').length >= 2`},
	{name: "reloads", hash: "#/reloads", ready: `document.querySelector('main .state')`},
}

// consoleShowsTraffic opens every view of the console while k6 puts the store under load:
// each view shows the traffic, has no fault that axe-core finds, fits its window, and requests
// nothing from elsewhere.
func consoleShowsTraffic(t *testing.T, browser context.Context, store *dev.System) {
	axe := readAxe(t)
	load(t, store)
	for _, look := range consoleLooks {
		t.Run(look.name, func(t *testing.T) {
			t.Parallel()
			trace := sendTraffic(t, store) // the tables show the last five minutes
			tab := openTab(t, browser, look)
			for _, view := range consoleViews {
				tab.run(chromedp.Navigate("about:blank"), chromedp.Navigate(store.URL("admin")+"/console/"+strings.ReplaceAll(view.hash, "TRACE", trace)))
				tab.await(view.name, view.ready)
				tab.picture("console-"+view.name+"-"+look.name, !strings.HasPrefix(view.hash, "#/graph") && !strings.HasPrefix(view.hash, "#/subgraph"))
				tab.check(view.name, axe)
				tab.wantWholeText(view.name)
				if strings.HasPrefix(view.hash, "#/graph") || strings.HasPrefix(view.hash, "#/subgraph") {
					tab.wantWholeMap()
				}
			}
			tab.wantNoProblems()
			tab.wantRequestsTo(store.URL("admin") + "/console/")
		})
	}
}

// sendTraffic sends operations of several kinds to the store, some of which fail, and leaves
// a subscription open. It returns the trace ID of an operation over four subgraphs.
func sendTraffic(t *testing.T, store *dev.System) string {
	t.Helper()
	send := func(body string, header ...string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, store.URL("router")+"/graphql", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		for _, each := range header {
			name, value, _ := strings.Cut(each, ": ")
			r.Header.Set(name, value)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { response.Body.Close() })
		return response
	}
	var order struct{ ID int }
	placed := request(t, http.MethodPost, store.URL("router")+"/api/orders", `{"userId":1,"productId":1,"quantity":1}`)
	if err := json.Unmarshal(placed, &order); err != nil {
		t.Fatal(err)
	}
	send(fmt.Sprintf(`{"query":"subscription Ticker { orderUpdated(id: \"%d\") { id status } }"}`, order.ID), "Accept: text/event-stream") //nolint:bodyclose // send closes it
	trace := ""
	for n := range 20 {
		send(fmt.Sprintf(`{"query":"query Products($n: Int) { products(first: $n) { totalCount nodes { id name shippingEstimate { decimal } inStock } } }","variables":{"n":%d}}`, n%5+1), "GraphQL-Client-Name: shop", "GraphQL-Client-Version: 4.2") //nolint:bodyclose // send closes it
		response := send(`{"query":"query Orders { orders(first: 3) { nodes { id status user { username } lines { quantity product { name inStock } } notifications { status } } } }"}`, "GraphQL-Client-Name: office")                                //nolint:bodyclose // send closes it
		trace = response.Header.Get("Souk-Trace-Id")
		request(t, http.MethodGet, store.URL("router")+"/api/products", "")
	}
	send(`{"query":"query Mistake { prodcts { id } }"}`) //nolint:bodyclose // send closes it
	if trace == "" {
		t.Fatal("the response has no trace ID")
	}
	return trace
}

// fill is JavaScript that types a value into an element.
func fill(selector, value string) string {
	return fmt.Sprintf(`(() => {
		const element = document.querySelector(%q)
		element.value = %q
		element.dispatchEvent(new Event('input', {bubbles: true}))
	})()`, selector, value)
}

// pressText is JavaScript that presses the button with this text.
func pressText(selector, text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(%q)].find(e => e.innerText.trim() === %q).click()`, selector, text)
}

// consoleFindsFieldsByKeyboard searches a field and opens it without a mouse.
func consoleFindsFieldsByKeyboard(t *testing.T, browser context.Context, store *dev.System) {
	tab := openTab(t, browser, looks[0])
	tab.run(chromedp.Navigate(store.URL("admin") + "/console/"))
	tab.await("the list of types", `document.querySelector('.long-list [role=option]')`)
	tab.run(chromedp.KeyEvent("/"))
	tab.await("the search in focus", `document.activeElement.matches('.search input')`)
	tab.run(chromedp.KeyEvent("shippingest"))
	tab.await("the field that was searched", `document.querySelector('.long-list [role=option]')?.innerText.includes('Product.shippingEstimate')`)
	tab.run(chromedp.KeyEvent("\r"))
	tab.await("the field's details", `location.hash === '#/graph/Product/shippingEstimate' && document.querySelector('.fields details[open]')?.innerText.includes('@requires')`)
	tab.wantNoProblems()
}

// consolePlansOperations plans what is typed, explains the plan, and reports mistakes.
func consolePlansOperations(t *testing.T, browser context.Context, store *dev.System) {
	tab := openTab(t, browser, looks[2])
	tab.run(chromedp.Navigate(store.URL("admin") + "/console/#/operation"))
	tab.await("the editor", `document.querySelector('textarea.source')`)
	plan := func(query string) {
		evaluate[chromedp.Void](tab, fill("textarea.source", query))
		tab.await("the button", `!document.querySelector('button[type=submit]').disabled`)
		evaluate[chromedp.Void](tab, `document.querySelector('button[type=submit]').click()`)
	}
	plan(`{ orders(first: 1) { nodes { id user { username } lines { product { inStock } } } } }`)
	tab.await("the plan", `['order', 'user', 'inventory'].every(name => document.querySelector('.plan-tree')?.innerText.includes(name))`)
	evaluate[chromedp.Void](tab, pressText("[role=tab]", "Why this plan"))
	tab.await("the explanation", `document.querySelector('.why')?.innerText.includes('orders.nodes.user.username')`)
	evaluate[chromedp.Void](tab, pressText("[role=tab]", "Subgraph queries"))
	tab.await("the queries", `document.querySelector('.queries')?.innerText.includes('_entities')`)
	evaluate[chromedp.Void](tab, pressText("[role=tab]", "Cost and limits"))
	tab.await("the limits", `document.querySelector('.limits')?.innerText.includes('max depth')`)
	plan(`{ ordrs { id } }`)
	tab.await("the mistake", `document.querySelector('[role=alert]')?.innerText.includes('Cannot query field "ordrs"')`)
}

// playgroundShowsPlansAndRuns runs an operation in the playground and follows its trace into
// the console.
func playgroundShowsPlansAndRuns(t *testing.T, browser context.Context, store *dev.System) {
	for _, look := range []look{looks[0], looks[2]} {
		t.Run(look.name, func(t *testing.T) {
			tab := openTab(t, browser, look)
			tab.run(chromedp.Navigate(store.URL("router") + "/playground/?run"))
			tab.await("the response", `document.querySelector('.result-window')?.innerText.includes('totalCount')`)
			evaluate[chromedp.Void](tab, press("Show Query plan"))
			tab.await("the plan", `['product', 'inventory'].every(name => document.querySelector('.plan-tree')?.innerText.includes(name))`)
			tab.await("the waterfall of the run", `document.querySelectorAll('.w-fetch').length === 2`)
			tab.picture("playground-plan-"+look.name, false)
			evaluate[chromedp.Void](tab, press("Show Code"))
			tab.await("the operation for curl", `document.querySelector('.panel-content pre')?.innerText.includes("curl '`+store.URL("router")+`/graphql'")`)
			evaluate[chromedp.Void](tab, pressText(".panel-content button", "Go"))
			tab.await("the operation in Go", `document.querySelector('.panel-content pre')?.innerText.includes('package main')`)
			evaluate[chromedp.Void](tab, press("Show Query plan"))
			tab.await("the link to the console", `document.querySelector('.panel-content a')?.href.includes('#/operation/trace/')`)
			tab.wantNoProblems()
			tab.wantRequestsTo(store.URL("router"), store.URL("admin"))
			tab.run(chromedp.Navigate(evaluate[string](tab, `document.querySelector('.panel-content a').href`)))
			tab.await("the trace in the console", `document.querySelectorAll('.w-fetch').length === 2`)
		})
	}
}

// playgroundLogsIn logs in as a sample user: operations are then sent as that user.
func playgroundLogsIn(t *testing.T, browser context.Context, store *dev.System) {
	tab := openTab(t, browser, looks[2])
	tab.run(chromedp.Navigate(store.URL("router") + "/playground/#query=" + `%7B+me+%7B+username+%7D+%7D`))
	tab.await("the operation of the link", `document.querySelector('.graphiql-query-editor .view-lines')?.innerText.includes('username')`)
	tab.await("the panel", `document.querySelector('button[aria-label="Show Log in"]')`)
	evaluate[chromedp.Void](tab, press("Show Log in"))
	tab.await("the form", `document.querySelector('#login')`)
	logIn := func(password string) {
		evaluate[chromedp.Void](tab, fmt.Sprintf(`document.querySelector('#login').value = 'ada', document.querySelector('#password').value = %q, document.querySelector('.panel-content button[type=submit]').click()`, password))
	}
	logIn("wrong")
	tab.await("the refusal", `document.querySelector('.panel-content [role=alert]')?.innerText !== ''`)
	logIn("tutorial-ada")
	tab.await("the session", `document.querySelector('.panel-content')?.innerText.includes('Log out')`)
	evaluate[chromedp.Void](tab, press("Hide Log in"))
	tab.click("button.graphiql-execute-button", "", `document.querySelector('.result-window .view-lines')?.innerText.includes('ada')`)
	tab.wantNoProblems()
}

// consoleRunsOperations runs what is typed as the user whose token is among the headers, and
// shows the plan, the waterfall and the response.
func consoleRunsOperations(t *testing.T, browser context.Context, store *dev.System) {
	axe := readAxe(t)
	var login struct {
		Data struct{ LogIn struct{ AccessToken string } }
	}
	out := request(t, http.MethodPost, store.URL("router")+"/graphql", `{"query":"mutation { logIn(input: {login: \"ada\", password: \"tutorial-ada\"}) { ... on Session { accessToken } } }"}`)
	if err := json.Unmarshal(out, &login); err != nil || login.Data.LogIn.AccessToken == "" {
		t.Fatalf("logging in: %v: %s", err, out)
	}
	for _, look := range []look{looks[1], looks[2]} {
		t.Run(look.name, func(t *testing.T) {
			t.Parallel()
			tab := openTab(t, browser, look)
			tab.run(chromedp.Navigate(store.URL("admin") + "/console/#/operation"))
			tab.await("the editor", `document.querySelector('textarea.source')`)
			run := func(query, headers string) {
				evaluate[chromedp.Void](tab, fill("textarea.source", query))
				evaluate[chromedp.Void](tab, fill("#headers", headers))
				tab.await("the button", `[...document.querySelectorAll('button')].some(e => e.innerText === 'Run' && !e.disabled)`)
				evaluate[chromedp.Void](tab, pressText("button", "Run"))
			}
			const response = `document.querySelector('[aria-label=Response]')?.innerText.includes(%q)`
			run(`query Me { me { username orders(first: 2) { nodes { id } } } }`, "Authorization: Bearer "+login.Data.LogIn.AccessToken+"\nGraphQL-Client-Name: tester")
			tab.await("the response to ada", fmt.Sprintf(response, `"username": "ada"`))
			tab.await("the waterfall and the plan", `document.querySelectorAll('.w-fetch').length === 2 && document.querySelectorAll('.plan-tree summary').length === 2`)
			tab.picture("console-run-"+look.name, true)
			tab.check("run", axe)
			evaluate[chromedp.Void](tab, pressText("[role=tab]", "Cost and limits"))
			tab.await("the actual cost beside the estimate", `(costs => ['Estimated cost', 'Actual cost'].every(name => [...costs.querySelectorAll('.figure')].some(e => e.innerText.startsWith(name) && /\d/.test(e.innerText))))(document.querySelector('.costs'))`)
			tab.run(chromedp.Navigate(evaluate[string](tab, `document.querySelector('[aria-labelledby=run] a').href`)))
			tab.await("the trace", `document.querySelector('.trace')?.innerText.includes('tester')`)
			tab.run(chromedp.Navigate(store.URL("admin") + "/console/#/operation"))
			tab.await("the headers, which stay", `document.querySelector('#headers')?.value.includes('Bearer')`)

			// Entities are in the cache, and what is not says why.
			const cached = `query Cached { products(first: 3) { nodes { id name inStock } } }`
			run(cached, "")
			tab.await("the cache", `[...document.querySelectorAll('caption')].some(e => e.innerText === 'Response cache')`)
			for n := range 20 {
				run(cached, "Tester: "+strconv.Itoa(n))
				tab.await("another run", `!document.querySelector('[aria-busy=true]')`)
				if evaluate[bool](tab, `[...document.querySelectorAll('.badge')].some(e => e.innerText.startsWith('hit'))`) {
					break
				}
			}
			tab.await("a hit with its key", `[...document.querySelectorAll('.badge')].some(e => e.innerText.startsWith('hit')) && document.body.innerText.includes('Product {"id":')`)
			tab.picture("console-cache-"+look.name, true)
			tab.check("cache", axe)
			run(`query A { __typename } query B { users(first: 1) { nodes { username } } }`, "")
			tab.await("the choice of an operation", `document.querySelector('#name')?.options.length === 2`)
			tab.await("the response to A", fmt.Sprintf(response, `"__typename": "Query"`))
			evaluate[chromedp.Void](tab, `(e => { e.value = 'B', e.dispatchEvent(new Event('change', {bubbles: true})) })(document.querySelector('#name'))`)
			tab.run(chromedp.Evaluate[chromedp.Void](`document.querySelector('textarea.source').focus()`))
			evaluate[chromedp.Void](tab, `document.querySelector('textarea.source').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', ctrlKey: true, shiftKey: true, bubbles: true}))`)
			tab.await("the response to B", fmt.Sprintf(response, `"users"`))

			run(`{ me { id } }`, "no header")
			tab.await("the mistake", `document.querySelector('[role=alert]')?.innerText.includes('Line 1 of the headers')`)
			run(`{ me { id } }`, "Host: example.com")
			tab.await("the refusal", `document.querySelector('[role=alert]')?.innerText.includes('Host cannot be set')`)
			tab.check("refused run", axe)
			run(`{ me { id } }`, "Authorization: Bearer wrong")
			tab.await("the error of the gateway", fmt.Sprintf(response, `"errors"`))
			run(`subscription { orderUpdated(id: "1") { id } }`, "")
			tab.await("word of the playground", `document.querySelector('[role=alert]')?.innerText.includes('A subscription has no single response')`)
			tab.wantRequestsTo(store.URL("admin") + "/console/")
		})
	}
}
