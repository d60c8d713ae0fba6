package browser_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"souk/schema"
)

// contrast is JavaScript that computes the contrast (WCAG 2.2) of an edge of the map, with its
// opacity, against the background.
const contrast = `(() => {
	const channels = text => text.match(/[\d.]+/g).map(Number)
	const light = color => color.slice(0, 3).map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0)
	const path = document.querySelector('.edge path'), style = getComputedStyle(path)
	const under = channels(getComputedStyle(document.documentElement).backgroundColor), line = channels(style.stroke)
	const mixed = line.slice(0, 3).map((c, i) => c * style.opacity + under[i] * (1 - style.opacity))
	const [a, b] = [light(mixed), light(under)].sort((x, y) => y - x)
	return (a + .05) / (b + .05)
})()`

// consoleIsWellLaidOut tests what an eye sees first, at each width.
func consoleIsWellLaidOut(t *testing.T, browser context.Context) {
	c := openConsole(t, schema.Supergraph)
	c.request("query Wrong { nothing }")
	for _, look := range []look{looks[1], looks[2], {name: "tablet-light", width: 768, height: 1024, scheme: "light"}} {
		t.Run(look.name, func(t *testing.T) {
			t.Parallel()
			tab := c.open(browser, look, "#/graph")
			tab.await("the map", `document.querySelectorAll('.subgraph-node').length === 5 && document.querySelector('.edge path')`)
			tab.picture("console-design-graph-"+look.name, false)
			if got := evaluate[float64](tab, contrast); got < 3 {
				t.Errorf("an edge of the map has a contrast of %.2f, want 3", got)
			}
			if !evaluate[bool](tab, `document.querySelector('.map').getBoundingClientRect().top < document.querySelector('.long-list').getBoundingClientRect().top + 120`) {
				t.Error("the map is below the list of types")
			}
			evaluate[chromedp.Void](tab, fill(".search input", "stock"))
			tab.await("what is found, in view", `(e => e?.innerText.toLowerCase().includes('stock') && e.getBoundingClientRect().bottom < innerHeight)(document.querySelector('.long-list [role=option]'))`)

			tab.run(chromedp.Navigate(c.url("#/traffic/failing")))
			tab.await("the failing operation", `document.querySelector('.tab-panel tbody tr')`)
			tab.picture("console-design-traffic-"+look.name, true)
			tiles := evaluate[[]int](tab, `Object.values(Object.groupBy(document.querySelectorAll('.tiles .figure'), e => e.getBoundingClientRect().top)).map(e => e.length)`)
			if want := map[bool]string{true: "[8]", false: "[4 4]"}[look.width > 1100]; fmt.Sprint(tiles) != want {
				t.Errorf("the tiles have rows of %v, want %s", tiles, want)
			}
			if sorted := evaluate[string](tab, `document.querySelector('.tab-panel th[aria-sort=descending]')?.innerText ?? ''`); !strings.Contains(sorted, "↓") {
				t.Errorf("the column that sorts has the label %q", sorted)
			}
			// The panel has a padding of 12 px.
			if blank := evaluate[float64](tab, `document.querySelector('.tab-panel').closest('.panel').getBoundingClientRect().bottom - document.querySelector('.tab-panel tbody').getBoundingClientRect().bottom`); blank > 16 {
				t.Errorf("below a table are %v px without content", blank)
			}
			const places = `JSON.stringify([...document.querySelectorAll('.tabs [role=tab], .top nav a')].map(e => e.getBoundingClientRect().width))`
			before := evaluate[string](tab, places)
			evaluate[chromedp.Void](tab, `document.querySelector('#tab-replicas, #tab-subscriptions').click()`)
			tab.await("the last tab, in view", `(tabs => { const tab = tabs.lastElementChild.getBoundingClientRect(); return tabs.lastElementChild.ariaSelected === 'true' && tab.right <= tabs.getBoundingClientRect().right + 1 })(document.querySelector('.tabs'))`)
			if after := evaluate[string](tab, places); after != before {
				t.Errorf("another tab changes the widths of tabs from %s to %s", before, after)
			}
			if look.width == 390 {
				if !evaluate[bool](tab, `['.tabs', '.top nav'].every(e => { const list = document.querySelector(e); return getComputedStyle(list).backgroundAttachment === 'local, local, scroll, scroll' }) && document.querySelector('.tabs').scrollWidth > document.querySelector('.tabs').clientWidth`) {
					t.Error("nothing tells that the tabs scroll")
				}
			}
			tab.run(chromedp.Navigate(c.url("#/events")))
			tab.await("word that there are no events", `document.querySelector('main').innerText.includes('This router has no events') && !document.querySelector('main [role=alert]')`)
			tab.run(chromedp.Navigate(c.url("#/traffic/limits")))
			tab.await("the limits", `[...document.querySelectorAll('.tab-panel th')].some(e => e.innerText.startsWith('Rejected'))`)
			tab.run(chromedp.Navigate(c.url("#/traffic/subgraphs")))
			tab.await("the word of the map", `[...document.querySelectorAll('.tab-panel td')].some(e => e.innerText.endsWith('idle'))`)
		})
	}
}

// consoleLegendsAreOfNow: the legends of charts have the newest values, also where there are
// none, and large numbers have their unit.
func consoleLegendsAreOfNow(t *testing.T, browser context.Context) {
	c := openConsole(t, schema.Supergraph)
	quiet := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/console/api/traffic" {
			c.router.Admin().ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		// The page may have gone.
		_, _ = w.Write([]byte(`{"window": 300, "step": 5, "times": [1795867200, 1795867205], "requests": [77, 0], "errors": [0, 0],
			"p50": [0.077, null], "p95": [0.077, null], "p99": [0.077, null], "in_flight": [77, 0], "subscriptions": [0, 0], "cache_hit_rate": [0.77, null], "shed": [0, 0],
			"totals": {"requests": 2100000, "errors": 0, "requests_per_second": 0, "error_rate": 0, "p50": 0.077, "p95": 0.077, "p99": 0.077, "in_flight": 0, "subscriptions": 0, "cache_hit_rate": null, "shed": 0, "uncounted": 0}}`))
	})
	c.fault.Store(&quiet)
	tab := c.open(browser, looks[0], "#/traffic")
	tab.await("the charts", `document.querySelectorAll('.plot canvas').length === 4`)
	if room := evaluate[bool](tab, `[...document.querySelectorAll('.plot')].every(e => parseInt(getComputedStyle(e).minHeight) >= 130)`); !room {
		t.Error("a chart has no room before it is drawn")
	}
	if legends := evaluate[string](tab, `[...document.querySelectorAll('.legend b')].map(e => e.innerText).join(' ')`); strings.Contains(legends, "77") {
		t.Errorf("without traffic the legends have %s", legends)
	}
	if labels := evaluate[string](tab, `[...document.querySelectorAll('.plot')].map(e => e.ariaLabel).join(' ')`); strings.Contains(labels, "now 77") {
		t.Errorf("without traffic the charts are read as %s", labels)
	}
	if text := evaluate[string](tab, `document.querySelector('.tiles').innerText`); !strings.Contains(text, "2.1 million in all") {
		t.Errorf("the tiles have\n%s", text)
	}
}
