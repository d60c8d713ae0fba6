package browser_test

import (
	"context"
	"fmt"
	"regexp"
	"testing"

	"github.com/chromedp/chromedp"

	"souk/dev"
	"souk/schema"
)

// windowed are requests for figures of a window.
var windowed = regexp.MustCompile(`/api/(traffic|operations|errors|clients|subgraphs)\b`)

// consoleKeepsTheWindow: each tab of Traffic shows the chosen window.
func consoleKeepsTheWindow(t *testing.T, browser context.Context, store *dev.System) {
	sendTraffic(t, store)
	tab := openTab(t, browser, looks[0])
	tab.run(chromedp.Navigate(store.URL("admin") + "/console/#/traffic"))
	tab.await("the traffic", `document.querySelector('.tab-panel tbody tr')`)
	evaluate[chromedp.Void](tab, pressText(".toolbar button", "15 min"))
	tab.await("the window", `document.querySelector('.toolbar [aria-pressed=true]').innerText === '15 min'`)
	seen := map[string]bool{}
	tab.mu.Lock()
	tab.requests = nil
	tab.mu.Unlock()
	for _, view := range []string{"operations", "errors", "clients", "subgraphs"} {
		evaluate[chromedp.Void](tab, fmt.Sprintf(`document.querySelector('#tab-%s').click()`, view))
		tab.await(view, `document.querySelector('.tab-panel tbody tr')`)
	}
	tab.mu.Lock()
	defer tab.mu.Unlock()
	for _, url := range tab.requests {
		found := windowed.FindStringSubmatch(url)
		if found == nil {
			continue
		}
		seen[found[1]] = true
		if !regexp.MustCompile(`[?&]window=900\b`).MatchString(url) {
			t.Errorf("with a window of 15 min, the page requested %s", url)
		}
	}
	for _, name := range []string{"errors", "clients", "subgraphs"} {
		if !seen[name] {
			t.Errorf("no request for %s was seen", name)
		}
	}
}

// consoleKeepsTheFocus: a row with the focus stays where it is while others arrive, and the list
// goes on when the focus leaves it.
func consoleKeepsTheFocus(t *testing.T, browser context.Context, store *dev.System) {
	sendTraffic(t, store)
	for _, test := range []struct{ name, hash, row string }{
		{"recent traces", "#/operation", ".recent tbody a"},
		{"failing traces", "#/traffic/failing", ".tab-panel tbody a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tab := openTab(t, browser, looks[0])
			tab.run(chromedp.Navigate(store.URL("admin") + "/console/" + test.hash))
			tab.await("the rows", fmt.Sprintf(`document.querySelector(%q)`, test.row))
			focused := evaluate[string](tab, fmt.Sprintf(`(e => (e.focus(), e.href))(document.querySelector(%q))`, test.row))
			place := `document.activeElement.getBoundingClientRect().top`
			before := evaluate[float64](tab, place)
			sendTraffic(t, store)
			tab.await("word that the list is paused", `document.querySelector('.table-foot.paused [role=status]')?.innerText.includes('Paused')`)
			if now := evaluate[string](tab, `document.activeElement.href ?? document.activeElement.tagName`); now != focused {
				t.Errorf("the focus was on %s and is on %s", focused, now)
			}
			if now := evaluate[float64](tab, place); now != before {
				t.Errorf("the row with the focus moved from %v to %v", before, now)
			}
			evaluate[chromedp.Void](tab, `document.activeElement.blur()`)
			tab.await("the new rows", fmt.Sprintf(`!document.querySelector('.table-foot.paused') && document.querySelector(%q).href !== %q`, test.row, focused))
			tab.wantNoProblems()
		})
	}
}

// consoleRecovers: while the router refuses requests the page says so, and it shows each view by
// itself once the router does not.
func consoleRecovers(t *testing.T, browser context.Context) {
	c := openConsole(t, schema.Supergraph)
	api, scripts := "/console/api/", "/console/chunk-"
	tab := c.open(browser, looks[0], "#/nothing")
	for _, view := range []struct{ hash, ready string }{
		{"#/graph", `document.querySelectorAll('.subgraph-node').length === 5`},
		{"#/operation", `document.querySelector('.recent .state') && !document.querySelector('.recent [role=alert] strong')`},
		{"#/traffic", `document.querySelectorAll('.plot').length === 4`},
		{"#/reloads", `document.querySelector('main').innerText.includes('Nothing has been reloaded')`},
	} {
		c.refused.Store(&api)
		tab.run(chromedp.Navigate("about:blank"), chromedp.Navigate(c.url(view.hash)))
		tab.await("the refusal", `document.querySelector('main [role=alert]')?.innerText.includes('Too many wrong tokens') && document.querySelector('.live.bad')?.innerText === 'rejected'`)
		tab.picture("console-refused", false)
		c.refused.Store(nil)
		tab.await(view.hash, view.ready)
		tab.await("the status", `document.querySelector('.live.good')?.innerText === 'live' && !document.querySelector('.banner')`)
		c.refused.Store(&api)
		tab.await("the refusal of a page that is open", `document.querySelector('.banner')?.innerText.includes('Too many wrong tokens') && document.querySelector('.live.bad')`)
		c.refused.Store(nil)
		tab.await("the status again", `document.querySelector('.live.good') && !document.querySelector('.banner')`)
	}

	other := openTab(t, browser, looks[0])
	other.run(chromedp.Navigate(c.url("#/graph")))
	other.await("the token prompt", `document.querySelector('#token')`)
	c.refused.Store(&scripts)
	other.enterToken(consoleToken)
	other.await("word of the script", `document.querySelector('main [role=alert]')?.innerText.includes('did not send its script')`)
	c.refused.Store(nil)
	other.await("the view", `document.querySelectorAll('.subgraph-node').length === 5`)
}
