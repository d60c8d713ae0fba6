package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"souk/dev"
	"souk/internal/packagetest"
)

// A state of a page is checked once ready is true.
type state struct {
	name string
	// act is JavaScript that establishes the state; it may return a promise.
	act string
	// ready is a JavaScript expression.
	ready string
}

// pages are all HTML pages of the store.
var pages = []struct {
	// part is the service that serves the page at path.
	part, path string
	// fixed pages are as high as the window.
	fixed  bool
	states []state
}{
	{part: "router", path: "/playground/?run", fixed: true, states: []state{
		{name: "playground", ready: `document.querySelector('.result-window')?.innerText.includes('totalCount') && !document.querySelector('.graphiql-spinner')`},
		{name: "query plan", act: press("Show Query plan"), ready: `document.querySelectorAll('.w-fetch').length > 0 && document.querySelector('.plan-tree')`},
		{name: "code", act: press("Show Code"), ready: `document.querySelector('.panel-content pre')`},
		{name: "log in", act: press("Show Log in"), ready: `document.querySelector('#login')`},
		{name: "history", act: press("Show History"), ready: `document.querySelector('.graphiql-history-items button')`},
		{name: "documentation", act: press("Show Documentation"), ready: `document.querySelector('.graphiql-doc-explorer-content')?.innerText.includes('Root Types')`},
		{
			name: "documentation of a type", act: `document.querySelector('.graphiql-doc-explorer-content a').click()`,
			ready: `document.querySelector('.graphiql-doc-explorer-title')?.innerText === 'Query'`,
		},
	}},
	{part: "router", path: "/playground/", fixed: true, states: []state{
		{name: "short keys", ready: opened("Open short keys dialog")},
	}},
	{part: "router", path: "/playground/", fixed: true, states: []state{
		{name: "settings", ready: opened("Open settings dialog")},
	}},
	{part: "router", path: "/api/docs", states: []state{
		{name: "REST form", ready: `document.querySelector('#kinds dd')`},
		{
			name: "REST form, opened",
			act: `document.querySelectorAll('article > header button').forEach(b => b.click())
				document.querySelector('article form button').click()`,
			ready: `document.querySelectorAll('article').length > 20 && document.querySelectorAll('article form').length === document.querySelectorAll('article').length &&
				document.querySelector('article [aria-live] pre')`,
		},
	}},
	{part: "inbox", path: "/", states: []state{{name: "inbox", ready: `document.querySelectorAll('article').length > 0`}}},
	{path: "/", states: []state{{name: "e-mail", ready: `document.body`}}},
}

// press returns JavaScript that clicks the button with this label.
func press(label string) string {
	return fmt.Sprintf(`document.querySelector('button[aria-label^="%s"]').click()`, label)
}

// opened waits for the editor and for a button that opens a dialog, clicks the
// button, and is true once the dialog exists.
func opened(label string) string {
	return fmt.Sprintf(`document.querySelector('[role=dialog] button') || (document.querySelector('.graphiql-query-editor .view-line') && !document.querySelector('.graphiql-spinner') && document.querySelector('button[aria-label^="%s"]')?.click())`, label)
}

// pagesAreAccessible checks every page with axe-core.
func pagesAreAccessible(t *testing.T, browser context.Context, store *dev.System) {
	axe := readAxe(t)
	// The inbox does not let an e-mail run scripts, including axe-core.
	html := sendMail(t, store.URL("router"), store.URL("inbox"))
	mail := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, html)
	}))
	t.Cleanup(mail.Close)
	for _, each := range pages {
		base := mail.URL
		if each.part != "" {
			base = store.URL(each.part)
		}
		for _, look := range looks {
			t.Run(each.states[0].name+"/"+look.name, func(t *testing.T) {
				t.Parallel()
				tab := openTab(t, browser, look)
				tab.run(chromedp.Navigate(base + each.path))
				for _, state := range each.states {
					if state.act != "" {
						evaluate[chromedp.Void](tab, state.act)
					}
					tab.await(state.name, state.ready)
					tab.picture(state.name+"-"+look.name, !each.fixed)
					tab.check(state.name, axe)
				}
				tab.wantNoProblems()
			})
		}
	}
}

// readAxe returns the script of axe-core. It skips the test if it cannot be installed.
func readAxe(t *testing.T) []byte {
	t.Helper()
	axe, err := os.ReadFile(filepath.Join(packagetest.NPM(t), "node_modules/axe-core/axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return axe
}

// check fails the test for serious and critical violations of axe-core and for a page
// that is wider than its window.
func (p *tab) check(name string, axe []byte) {
	p.t.Helper()
	if !evaluate[bool](p, `Boolean(window.axe)`) {
		evaluate[chromedp.Void](p, string(axe))
	}
	out := evaluate[string](p, `axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations))`)
	var violations []struct {
		ID, Impact, Help string
		Nodes            []struct{ HTML, FailureSummary string }
	}
	if err := json.Unmarshal([]byte(out), &violations); err != nil {
		p.t.Fatal(err)
	}
	for _, v := range violations {
		var text strings.Builder
		fmt.Fprintf(&text, "%s: axe-core, %s, %s: %s", name, v.Impact, v.ID, v.Help)
		for _, node := range v.Nodes[:min(len(v.Nodes), 5)] {
			fmt.Fprintf(&text, "\n  %.300s\n    %s", node.HTML, strings.ReplaceAll(node.FailureSummary, "\n", "\n    "))
		}
		if v.Impact == "serious" || v.Impact == "critical" {
			p.t.Error(text.String())
		} else {
			p.t.Log(text.String())
		}
	}
	wider := evaluate[string](p, `(() => {
		const root = document.documentElement
		if (root.scrollWidth <= innerWidth) return ''
		return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map(e => e.outerHTML.slice(0, 200)).join('\n') || 'it'
	})()`)
	if wider != "" {
		p.t.Errorf("%s: the page is wider than its window: %s", name, wider)
	}
}

// sendMail places an order and returns the HTML of the e-mail about it.
func sendMail(t *testing.T, router, inbox string) string {
	t.Helper()
	body := `{"userId":1,"productId":1,"quantity":1}`
	request(t, http.MethodPost, router+"/api/orders", body)
	var messages []struct{ ID, Subject, HTML string }
	for {
		if err := json.Unmarshal(request(t, http.MethodGet, inbox+"/api/messages", ""), &messages); err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			if m.HTML != "" && strings.HasPrefix(m.Subject, "Your order") {
				return m.HTML
			}
		}
	}
}

// request sends a request, expects a 2xx status and returns the body. A service of a busy
// machine may be unavailable for a moment: status 503 asks to try again.
func request(t *testing.T, method, url, body string) []byte {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); ; <-tick.C {
		status, out := attempt(t, method, url, body)
		if status < 300 {
			return out
		}
		if status != http.StatusServiceUnavailable || time.Now().After(end) {
			t.Fatalf("%s %s: got status %d: %s", method, url, status, out)
		}
	}
}

func attempt(t *testing.T, method, url, body string) (status int, out []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if out, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, out
}
