package browser_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"souk/dev"
)

// followExampleShowsTheCancelledOrder runs the subscription example as its text says: Follow
// in one tab of the browser, Cancel in another.
func followExampleShowsTheCancelledOrder(t *testing.T, browser context.Context, store *dev.System) {
	operate := func(look look, operation string) *tab {
		tab := openTab(t, browser, look)
		tab.run(chromedp.Navigate(store.URL("router") + "/playground/"))
		tab.await("the editor", `document.querySelector('.graphiql-query-editor .view-line') && !document.querySelector('.graphiql-spinner')`)
		tab.click("button.graphiql-tab-button", "Follow", `document.querySelector('.graphiql-query-editor .view-lines')?.innerText.includes('Cancel')`)
		// GraphiQL needs a moment to detect the two operations, and then asks which to
		// run.
		tab.click("button.graphiql-execute-button", "", `document.querySelector('[role=menu]')`)
		tab.click("[role=menuitem]", operation, `!document.querySelector('[role=menu]')`)
		return tab
	}
	const response = `document.querySelector('.result-window .view-lines')?.innerText.includes(%q)`
	following := operate(looks[0], "Follow")
	following.await("the order as it is", fmt.Sprintf(response, "CONFIRMED"))
	cancelling := operate(looks[2], "Cancel")
	cancelling.await("the response to Cancel", fmt.Sprintf(response, "CANCELLED"))
	following.await("the order as it has become", fmt.Sprintf(response, "CANCELLED"))
}

// responseScrollsIntoView: on a small screen the response is below the editors, so the page
// scrolls to it when an operation runs.
func responseScrollsIntoView(t *testing.T, browser context.Context, store *dev.System) {
	tab := openTab(t, browser, looks[2])
	tab.run(chromedp.Navigate(store.URL("router") + "/playground/?run"))
	tab.await("the response in view", `(() => {
		const response = document.querySelector('.graphiql-response')
		if (!response?.querySelector('.result-window .view-lines')?.innerText.includes('totalCount')) return false
		const { top, bottom } = response.getBoundingClientRect()
		return top >= 0 && bottom <= innerHeight + 1
	})()`)
	if over := evaluate[float64](tab, `document.querySelector('.graphiql-query-editor').getBoundingClientRect().bottom -
		document.querySelector('.graphiql-query-editor .monaco-editor').getBoundingClientRect().bottom`); over < 0 {
		t.Errorf("the editor overlaps the response by %v px", -over)
	}
}

// inboxKeepsItsScrollPosition: new messages appear above the message that someone reads, which
// keeps its position in the window. No other test may place orders at the same time.
func inboxKeepsItsScrollPosition(t *testing.T, browser context.Context, store *dev.System) {
	order := func(n int) {
		for range n {
			request(t, http.MethodPost, store.URL("router")+"/api/orders", `{"userId":1,"productId":1,"quantity":1}`)
		}
	}
	order(8)
	for _, look := range []look{looks[0], looks[2]} {
		t.Run(look.name, func(t *testing.T) {
			tab := openTab(t, browser, look)
			tab.run(chromedp.Navigate(store.URL("inbox") + "/"))
			tab.await("a long page", `document.documentElement.scrollHeight > 3 * innerHeight`)
			// A click on a link would leave the page; focus and a selection are enough.
			read := evaluate[string](tab, `(() => {
				const all = [...document.querySelectorAll('article')], one = all[Math.floor(all.length / 2)]
				one.scrollIntoView()
				scrollBy(0, -40)
				getSelection().selectAllChildren(one.querySelector('pre'))
				return one.id
			})()`)
			where := fmt.Sprintf(`document.getElementById(%q).getBoundingClientRect().top`, read)
			before := evaluate[float64](tab, where)
			count := evaluate[int](tab, `document.querySelectorAll('article').length`)
			selected := evaluate[string](tab, `getSelection().toString()`)
			if before < 20 || selected == "" {
				t.Fatalf("got the message at %v with selection %q", before, selected)
			}
			order(2)
			tab.await("the new messages", fmt.Sprintf(`document.querySelectorAll('article').length >= %d + 2`, count))
			// A browser scrolls by whole pixels, so each refresh may shift by one.
			if after := evaluate[float64](tab, where); after < before-4 || after > before+4 {
				t.Errorf("the message moved from %v to %v", before, after)
			}
			if after := evaluate[string](tab, `getSelection().toString()`); after != selected {
				t.Errorf("selection = %[2]q, want %[1]q", selected, after)
			}
			tab.await("word of them", `/new message/.test(document.getElementById('status').textContent)`)
			tab.wantNoProblems()
		})
	}
}

// click clicks the element with this text, if one is given, with the mouse, until the
// expected effect is visible: a page that is still being laid out moves elements away
// from the mouse.
func (p *tab) click(selector, text, effect string) {
	p.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll(%q)].find(e => %q === '' || e.innerText.trim() === %[2]q)`, selector, text)
	for end := time.Now().Add(within); ; {
		at := evaluate[[]float64](p, fmt.Sprintf(`(() => {
			const found = %s
			if (!found) return []
			found.scrollIntoView({block: 'nearest', behavior: 'instant'})
			const { left, top, width, height } = found.getBoundingClientRect()
			return [left + width / 2, top + height / 2]
		})()`, find))
		if len(at) == 2 {
			p.run(chromedp.MouseClickXY(at[0], at[1]))
		}
		if evaluate[bool](p, fmt.Sprintf(`(async () => {
			for (let n = 0; n < 60; n++) {
				if (%s) return true
				await new Promise(r => setTimeout(r, 50))
			}
			return false
		})()`, effect)) {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("a click on %s %q has no effect", selector, text)
		}
	}
}
