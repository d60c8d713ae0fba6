package browser_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"souk/router/gateway/config"
)

// consoleShowsTheCanary: both variants side by side, and where their responses differ.
func consoleShowsTheCanary(t *testing.T, browser context.Context) {
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"data":{"first":{"name":%q}}}`, r.URL.Path) // the router may have gone
	}))
	t.Cleanup(subgraph.Close)
	c := openConsole(t, largeSupergraph(1, 2), func(c *config.Config) {
		c.OverrideSubgraphURLs = config.SubgraphURLs{"subgraph-0": {subgraph.URL + "/main"}}
		c.Canary.OverrideSubgraphURLs = config.SubgraphURLs{"subgraph-0": {subgraph.URL + "/next"}}
		c.Canary.Mode, c.Canary.Percent = "shadow", 100
	})
	public := httptest.NewServer(c.router.Handler())
	t.Cleanup(public.Close)
	response, err := http.Post(public.URL+"/graphql", "application/json", strings.NewReader(`{"query":"{ first { name } }"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response.Status, err)
	}
	for _, look := range []look{looks[0], looks[3]} {
		t.Run(look.name, func(t *testing.T) {
			tab := c.open(browser, look, "#/traffic/canary")
			tab.await("the variants", `document.querySelectorAll('[aria-label=Variants] tbody tr').length === 2`)
			tab.await("the difference", `document.querySelector('[aria-label="Latest differences"]')?.innerText.includes('data.first.name')`)
			tab.picture("console-canary-"+look.name, true)
			text := evaluate[string](tab, `document.querySelector('#tab-panel').innerText`)
			for _, want := range []string{"main", "shadow", "100 %", "at random", subgraph.URL + "/next"} {
				if !strings.Contains(text, want) {
					t.Errorf("the view lacks %q:\n%s", want, text)
				}
			}
		})
	}
}
