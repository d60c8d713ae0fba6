package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/redis/go-redis/v9"

	"souk/dev"
	"souk/dev/internal/deadlettertest"
	"souk/internal/redistest"
)

// TestConsoleShowsFaultsOfEvents: the Events view says which service does not report and why,
// and no longer when it does again. A dead letter that is retried leaves the list once the focus
// does, and one that is not an event has a name, too.
func TestConsoleShowsFaultsOfEvents(t *testing.T) {
	t.Parallel()
	axe := readAxe(t)
	browser := openBrowser(t)
	address := redistest.Start(t)
	store := openStoreWith(t, dev.Options{RedisURL: "redis://" + address})
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
		other.wantWholeText("events with a fault")
	}
	if err := store.StartService(t.Context(), "user"); err != nil {
		t.Fatal(err)
	}
	tab.await("no error", `document.querySelector('.silent:empty') && !document.body.innerText.includes('no report')`)

	deadlettertest.Register(t, store)
	label := evaluate[string](tab, retry+".ariaLabel")
	evaluate[chromedp.Void](tab, retry+".focus()")
	tab.run(chromedp.KeyEvent("\r"))
	tab.await("word of the retry", `[...document.querySelectorAll('[role=status]')].some(e => e.innerText.includes('is sent to notification again'))`)
	tab.await("the list without the letter", `document.querySelector('.table-foot.paused')`)
	if focused := evaluate[string](tab, `document.activeElement.ariaLabel ?? document.activeElement.tagName`); !strings.HasPrefix(focused, "Sent again") {
		t.Errorf("after a retry the focus is on %q", focused)
	}
	evaluate[chromedp.Void](tab, `document.activeElement.blur()`)
	tab.await("the end of the dead letter", fmt.Sprintf(`!document.querySelector('button[aria-label=%q]') && document.querySelector('main').innerText.includes('There are no dead letters')`, label))

	undecodable(t, address)
	tab.await("the letter that is no event", `document.querySelector('button[aria-label^="Retry event of unknown type"]')`)
	tab.check("a letter that is no event", axe)
	phone := openTab(t, browser, looks[3])
	phone.run(chromedp.Navigate(store.URL("admin") + "/console/#/events"))
	phone.await("the letter that is no event", `document.querySelector('.cards button[aria-label^="Retry event of unknown type"]')`)
	phone.picture("console-events-undecodable", true)
	phone.check("a letter that is no event", axe)
	phone.wantWholeText("a letter that is no event")
	tab.wantNoProblems()
}

// undecodable adds something to the stream that is not a CloudEvent.
func undecodable(t *testing.T, address string) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	if err := client.XAdd(t.Context(), &redis.XAddArgs{Stream: "souk:events", Values: []string{"type", "order.created", "event", "not json"}}).Err(); err != nil {
		t.Fatal(err)
	}
}
