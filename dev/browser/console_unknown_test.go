package browser_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"souk/schema"
)

// consoleTellsUnknownFromAbsent: what the API does not know is neither said to be absent nor
// forgotten, numbers that exceed a limit are marked, and operations with the same name differ.
func consoleTellsUnknownFromAbsent(t *testing.T, browser context.Context) {
	c := openConsole(t, schema.Supergraph)
	var silent atomic.Bool
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/console/api/")
		if silent.Load() && unknowns["silent "+name] != "" {
			name = "silent " + name
		}
		body, ok := unknowns[name]
		if !ok {
			c.router.Admin().ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body)) // the page may have gone
	})
	c.fault.Store(&api)
	c.info.Store(true)
	const text = `document.querySelector('main').innerText`
	tab := c.open(browser, looks[0], "#/events")
	tab.await("the events", text+`.includes('confirmed') && `+text+`.includes('There are no dead letters.')`)
	tab.run(chromedp.Navigate(c.url("#/traffic/replicas")))
	tab.await("the replicas", `document.querySelector('.tab-panel tbody')?.innerText.includes('router-7')`)
	silent.Store(true)
	tab.await("the replicas of before", text+`.includes('connection refused') && `+text+`.includes('What follows is from then') && document.querySelector('.tab-panel tbody')?.innerText.includes('router-7')`)
	tab.run(chromedp.Navigate(c.url("#/events")))
	tab.await("the events of before", text+`.includes('What follows is from then') && `+text+`.includes('confirmed') && `+text+`.includes('There were no dead letters at') && `+text+`.includes('as of')`)
	tab.picture("console-unknown-kept", true)

	fresh := c.open(browser, looks[3], "#/events")
	fresh.await("word that nothing is known", text+`.includes('It is unknown whether there are dead letters.') && `+text+`.includes('It is unknown how many orders there are.') && `+text+`.includes('It is unknown which consumer groups there are.')`)
	fresh.picture("console-unknown", true)
	fresh.check("unknown events", readAxe(t))
	fresh.wantWholeText("unknown events")
	fresh.run(chromedp.Navigate(c.url("#/traffic/replicas")))
	fresh.await("word that no replicas are known", text+`.includes('It is unknown which replicas there are.')`)
	if shown := evaluate[string](fresh, text); strings.Contains(shown, "knows no replicas") {
		t.Errorf("after an error, the page says\n%s", shown)
	}

	tab.run(chromedp.Navigate(c.url("#/traffic")))
	tab.await("the operations", `document.querySelectorAll('.tab-panel tbody tr').length === 3`)
	names := evaluate[string](tab, `[...document.querySelectorAll('.operation-name')].map(e => e.textContent).sort().join(', ')`)
	if want := "(no name)33333333, Same11111111, Same22222222"; names != want {
		t.Errorf("the operations are %s, want %s", names, want)
	}
	tab.run(chromedp.Navigate(c.url("#/operation")))
	tab.await("the editor", `document.querySelector('textarea.source')`)
	evaluate[chromedp.Void](tab, fill("textarea.source", "{ __typename }"))
	tab.await("the button", `[...document.querySelectorAll('button')].some(e => e.innerText === 'Plan' && !e.disabled)`)
	evaluate[chromedp.Void](tab, pressText("button", "Plan"))
	tab.await("the mark of the cost", `document.querySelector('.figure .bad')?.innerText.replace(/\s+/g, ' ') === '1,000,001 over the limit of 10,000'`)
}

// unknowns are responses by endpoint; those that start with "silent" are without the services
// and Prometheus.
var unknowns = map[string]string{
	"info": `{"version": "1.2.3", "dev": false, "started": "2026-11-29T02:00:00Z", "now": "2026-11-29T02:00:00Z", "replica": "router-7", "supergraph": {"id": "abc", "loaded": "2026-11-29T02:00:00Z"},
		"graphql_url": "http://127.0.0.1/graphql", "playground_url": null, "features": {"events": true, "replicas": true}}`,
	"events": `{"time": "2026-11-29T02:00:00Z", "error": null, "outbox": [{"service": "order", "pending": 3, "oldest_age": 2, "published_per_second": 1, "error": null}],
		"streams": [{"name": "souk:events", "length": 1, "groups": [{"name": "notification", "lag": 0, "pending": 0, "consumers": 1}]}],
		"dead": [], "orders": {"by_state": {"confirmed": 7}}, "history": {"times": [], "outbox_lag": []}}`,
	"silent events": `{"time": "2026-11-29T02:00:05Z", "error": null, "outbox": [{"service": "order", "pending": null, "oldest_age": null, "published_per_second": null, "error": "connection refused"}],
		"streams": null, "dead": null, "orders": null, "history": {"times": [], "outbox_lag": []}}`,
	"replicas":        `{"replicas": [{"name": "router-7", "requests_per_second": 1, "error_rate": 0, "p99": 0.1, "resident_bytes": 1}], "error": null}`,
	"silent replicas": `{"replicas": null, "error": "Prometheus: connection refused"}`,
	"operations":      `{"operations": [` + unknownOperation("Same", "1") + `,` + unknownOperation("Same", "2") + `,` + unknownOperation("", "3") + `], "other": {"requests": 0}}`,
	"plan": `{"plan": {"version": 1, "kind": "query", "fetches": []}, "text": "", "explanation": null, "queries": [], "cost": {"estimated": 1000001, "max": 10000},
		"limits": [{"name": "demand_control", "used": 1000001, "limit": 10000}]}`,
}

func unknownOperation(name, digit string) string {
	return `{"hash": "` + strings.Repeat(digit, 64) + `", "name": "` + name + `", "kind": "query", "requests": 1, "requests_per_second": 1, "errors": 0, "error_rate": 0, "p50": 0.1, "p95": 0.1, "p99": 0.1,
		"total_time": 0.1, "fetches_per_request": 1, "cache_hit_rate": null, "cost": null, "deprecated_fields": [], "document": "{ __typename }", "traces": {"latest": null, "slowest": null, "failing": null}}`
}
