package browser_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"souk/schema"
)

// cutText lists text that is cut off, outside its box, or without room. Text may scroll. The
// nodes of the map have a fixed size, and the map itself moves.
const cutText = `(() => {
	const found = []
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
	for (let node = texts.nextNode(); node; node = texts.nextNode()) {
		const own = node.parentElement
		if (node.data.trim() === '' || own.closest('.hidden, .skip, .map, script, style, noscript, option') || own.closest('details:not([open])') && !own.closest('summary') || !own.checkVisibility()) continue
		const range = document.createRange()
		range.selectNodeContents(node)
		const boxes = [...range.getClientRects()].filter(e => e.height > 0)
		const say = what => found.push(node.data.trim().slice(0, 60) + ': ' + what)
		if (boxes.every(e => e.width < 1)) { say('no room'); continue }
		const left = Math.min(...boxes.map(e => e.left)), right = Math.max(...boxes.map(e => e.right))
		for (let box = own, first = true; box !== document.body; box = box.parentElement) {
			const { display, overflowX } = getComputedStyle(box)
			if (display === 'inline' || display === 'contents') continue
			if (/auto|scroll/.test(overflowX)) break
			const at = box.getBoundingClientRect()
			if ((first || overflowX !== 'visible') && (right > at.right + 1 || left < at.left - 1)) {
				say(Math.round(left) + ' to ' + Math.round(right) + ' in ' + box.tagName + '.' + box.className + ' from ' + Math.round(at.left) + ' to ' + Math.round(at.right))
				break
			}
			first = false
		}
	}
	return found.slice(0, 10)
})()`

// wantWholeText fails the test for text that is cut off on a telephone. Elsewhere, a cut text can
// be pointed at to read all of it.
func (p *tab) wantWholeText(name string) {
	p.t.Helper()
	if p.look.width > 390 {
		return
	}
	if cut := evaluate[[]string](p, cutText); len(cut) > 0 {
		p.t.Errorf("%s: text without room:\n%s", name, strings.Join(cut, "\n"))
	}
}

// wholeMap is JavaScript that is true if all nodes of the map are in view, and none is below the
// buttons.
const wholeMap = `(() => {
	const map = document.querySelector('.map').getBoundingClientRect(), tools = document.querySelector('.map-tools').getBoundingClientRect()
	const nodes = [...document.querySelectorAll('.node')].map(e => e.getBoundingClientRect())
	return nodes.length > 0 && nodes.every(e => e.left >= map.left - 1 && e.top >= map.top - 1 && e.right <= map.right + 1 && e.bottom <= map.bottom + 1 &&
		(e.right <= tools.left || e.bottom <= tools.top + 1))
})()`

func (p *tab) wantWholeMap() {
	p.t.Helper()
	if !evaluate[bool](p, wholeMap) {
		p.t.Error("a node of the map is out of view or below the buttons")
	}
}

// consoleHasRoomForLongNames: names of more than 70 characters stay within the window and within
// the panel with the details.
func consoleHasRoomForLongNames(t *testing.T, browser context.Context) {
	long := strings.Repeat("andEvenMore", 6)
	sdl := strings.ReplaceAll(schema.Supergraph, `name: "inventory"`, `name: "inventory-`+long+`"`)
	sdl = regexp.MustCompile(`\bshippingEstimate\b`).ReplaceAllString(sdl, "shippingEstimate"+long)
	sdl = regexp.MustCompile(`\bStockLevel\b`).ReplaceAllString(sdl, "StockLevel"+long)
	c := openConsole(t, sdl)
	for _, look := range []look{looks[0], looks[2]} {
		t.Run(look.name, func(t *testing.T) {
			t.Parallel()
			tab := c.open(browser, look, "#/nothing")
			for _, view := range []struct{ name, hash, ready string }{
				{"field", "#/graph/Product/shippingEstimate" + long, `document.querySelector('.focus-node') && document.querySelector('.details .facts')`},
				{"type", "#/graph/StockLevel" + long, `document.querySelector('.focus-node') && document.querySelector('.fields')`},
				{"subgraph", "#/subgraph/inventory-" + long, `document.querySelector('.type-node') && document.querySelector('.details .pairs')`},
				{"subgraph table", "#/traffic/subgraphs", `document.querySelectorAll('.tab-panel tbody tr').length === 5`},
			} {
				tab.run(chromedp.Navigate(c.url(view.hash)))
				tab.await(view.name, view.ready)
				tab.picture("console-long-"+view.name+"-"+look.name, false)
				tab.wantWholeText(view.name)
				if out := evaluate[[]string](tab, `[document.documentElement, document.querySelector('.details') ?? document.body].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.tagName)`); len(out) > 0 {
					t.Errorf("%s: wider than its box: %v", view.name, out)
				}
			}
		})
	}
}
