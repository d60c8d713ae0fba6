package browser_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"souk/dev"
	"souk/dev/internal/deadlettertest"
	"souk/internal/redistest"
)

// TestConsoleShowsFaultsOfEvents: the Events view says which service does not report and why,
// and no longer when it does again. A dead letter that is retried leaves the list.
func TestConsoleShowsFaultsOfEvents(t *testing.T) {
	t.Parallel()
	axe := readAxe(t)
	browser := openBrowser(t)
	store := openStoreWith(t, dev.Options{RedisURL: "redis://" + redistest.Start(t)})
	tab := openTab(t, browser, looks[0])
	tab.run(chromedp.Navigate(store.URL("admin") + "/console/#/events"))
	tab.await("the outboxes", `[...document.querySelectorAll('caption')].some(e => e.innerText === 'Outboxes') && document.querySelector('.silent:empty')`)

	deadlettertest.Order(t, store)
	const retry = `document.querySelector('button[aria-label^="Retry order.created"]')`
	tab.await("the dead letter", retry)
	if err := store.StopService("user"); err != nil {
		t.Fatal(err)
	}
	tab.await("the error of the service", `document.querySelector('.silent')?.innerText.includes('user') && document.querySelector('.silent')?.innerText.includes('connection refused')`)
	if rows := evaluate[string](tab, `[...document.querySelectorAll('tr')].filter(e => e.innerText.includes('no report')).map(e => e.innerText).join('|')`); rows == "" {
		t.Error("no outbox is marked")
	}
	for _, look := range []look{looks[0], looks[3]} {
		other := openTab(t, browser, look)
		other.run(chromedp.Navigate(store.URL("admin") + "/console/#/events"))
		other.await("the error of the service", `document.querySelector('.silent')?.innerText.includes('user')`)
		other.picture("console-events-fault-"+look.name, true)
		other.check("events with a fault", axe)
	}
	if err := store.StartService(t.Context(), "user"); err != nil {
		t.Fatal(err)
	}
	tab.await("no error", `document.querySelector('.silent:empty') && !document.body.innerText.includes('no report')`)

	deadlettertest.Register(t, store)
	label := evaluate[string](tab, retry+".ariaLabel")
	evaluate[chromedp.Void](tab, retry+".click()")
	tab.await("the end of the dead letter", fmt.Sprintf(`!document.querySelector('button[aria-label=%q]') && document.querySelector('main').innerText.includes('There are no dead letters')`, label))
	tab.wantNoProblems()
}
