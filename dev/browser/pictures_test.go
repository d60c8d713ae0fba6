package browser_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

var documentation = flag.Bool("documentation", false, "renew the pictures in docs/")

// pictures are those of the documentation. act is JavaScript for when ready is true, and done
// is true once it has had its effect.
var pictures = []struct{ name, part, path, ready, act, done string }{
	{name: "console-graph", part: "admin", path: "/console/#/graph/Product", ready: `document.querySelector('.focus-node') && [...document.querySelectorAll('.uses')].some(e => Number(e.innerText) > 0) && document.querySelector('.edge path')`},
	{name: "console-operation", part: "admin", path: "/console/#/operation", ready: `document.querySelector('.recent tbody tr')`,
		act: fill("textarea.source", `query Orders {
  orders(first: 3) {
    nodes {
      status
      user { username }
      lines { product { name inStock } }
    }
  }
}`) + `; setTimeout(() => ` + pressText("button", "Run") + `, 100)`, done: `document.querySelectorAll('.w-fetch').length > 2 && document.querySelector('.plan-tree')`},
	{name: "console-trace", part: "admin", path: "/console/#/operation/trace/TRACE", ready: `document.querySelectorAll('.w-fetch').length > 2 && document.querySelector('.plan-tree')`},
	{name: "console-traffic", part: "admin", path: "/console/#/traffic", ready: `document.querySelectorAll('.plot canvas').length === 4 && document.querySelectorAll('tbody tr').length > 5`},
	{name: "console-events", part: "admin", path: "/console/#/events", ready: `document.querySelectorAll('table').length >= 2`},
	{name: "playground", part: "router", path: "/playground/?run", ready: `document.querySelector('.result-window')?.innerText.includes('totalCount') && !document.querySelector('.graphiql-spinner')`,
		act: press("Show Query plan"), done: `document.querySelectorAll('.w-fetch').length > 0 && document.querySelector('.plan-tree')`},
}

// TestPicturesOfTheDocumentation renews the pictures in docs/, with k6 as the traffic.
func TestPicturesOfTheDocumentation(t *testing.T) {
	if !*documentation {
		t.Skip("skipped: it changes files; `make pictures` runs it")
	}
	browser, store := openBrowser(t), openStore(t)
	load(t, store)
	traffic := openTab(t, browser, looks[0])
	traffic.run(chromedp.Navigate(store.URL("admin") + "/console/#/traffic"))
	// The charts have steps of 5 s.
	traffic.await("a minute of traffic", `document.querySelectorAll('.figure').length > 0 && [...document.querySelectorAll('.figure')].some(e => e.innerText.includes('Requests') && Number(/([\d,]+) in all/.exec(e.innerText)?.[1].replace(',', '')) > 500)`)
	for _, picture := range pictures {
		trace := sendTraffic(t, store)
		tab := openTab(t, browser, look{width: 1280, height: 820, scheme: "light"})
		tab.run(chromedp.Navigate(store.URL(picture.part) + strings.ReplaceAll(picture.path, "TRACE", trace)))
		tab.await(picture.name, picture.ready)
		if picture.act != "" {
			evaluate[chromedp.Void](tab, picture.act)
			tab.await(picture.name+" after an action", picture.done)
		}
		image, err := chromedp.Run(tab.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("..", "..", "docs", picture.name+".png"), image, 0o644); err != nil {
			t.Fatal(err)
		}
		tab.wantNoProblems()
	}
}
