package playground_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"souk/internal/chromiumtest"
	"souk/router/gateway/playground"
)

// within bounds each wait for the browser. It is reached only if something is wrong.
const within = 2 * time.Minute

// TestOperationRunsRightAfterTabSwitch runs the operation of each tab in the same moment as
// it opens the tab. GraphiQL then still has the operation name and the document of the tab
// before.
func TestOperationRunsRightAfterTabSwitch(t *testing.T) {
	type request struct{ Query, OperationName, accept string }
	requests := make(chan request, 10)
	mux := http.NewServeMux()
	mux.Handle("/playground/", playground.New(playground.Options{Endpoint: "/graphql", Path: "/playground", Examples: []playground.Example{
		{Query: "query Products { products { name } }"},
		{Query: "query Orders { products { name } }"},
		{Query: "subscription Ticks { ticks }"},
		{Query: "{ products { name } } fragment Tag on Product { name }"},
	}}))
	mux.HandleFunc("/graphql", func(w http.ResponseWriter, r *http.Request) {
		got := request{accept: r.Header.Get("Accept")}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		if strings.Contains(got.Query, "__schema") {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(schemaAnswer)
			return
		}
		data := fmt.Sprintf(`{"data":{"ran":%q}}`, "ran "+got.Query)
		if strings.Contains(got.accept, "text/event-stream") {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(w, "event: next\ndata: %s\n\nevent: complete\ndata:\n\n", data)
		} else {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, data)
		}
		requests <- got
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	browser := openPage(t, server.URL+"/playground/?run") // which runs the first tab

	for i, c := range []struct {
		tab                  int
		query, operationName string
		stream               bool
	}{
		{tab: 0, query: "query Products", operationName: "Products"},
		{tab: 1, query: "query Orders", operationName: "Orders"},
		{tab: 2, query: "subscription Ticks", operationName: "Ticks", stream: true},
		{tab: 3, query: "{ products"},
		{tab: 0, query: "query Products", operationName: "Products"},
	} {
		if i > 0 {
			evaluate[bool](t, browser, openAndRun(c.tab))
		}
		select {
		case got := <-requests:
			if !strings.HasPrefix(got.Query, c.query) || got.OperationName != c.operationName || strings.Contains(got.accept, "text/event-stream") != c.stream {
				t.Errorf("tab %d: the page sent %+v", c.tab, got)
			}
		case <-time.After(within):
			t.Fatalf("tab %d: the page sent nothing", c.tab)
		}
		shown := fmt.Sprintf(`document.querySelector('.result-window .view-lines')?.innerText.replaceAll('\u00a0', ' ').includes(%q) &&
			!document.querySelector('.graphiql-execute-button[aria-label^=Stop]')`, "ran "+c.query)
		for end := time.Now().Add(within); !evaluate[bool](t, browser, "Boolean("+shown+")"); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("tab %d: the response is not shown", c.tab)
			}
		}
	}
}

// openAndRun is JavaScript that opens a tab and runs its operation at once.
func openAndRun(tab int) string {
	return fmt.Sprintf(`(() => {
		document.querySelectorAll('button.graphiql-tab-button')[%d].click()
		document.querySelector('button.graphiql-execute-button').click()
		return true
	})()`, tab)
}

// openPage opens a page in a Chromium that can reach nothing but this machine.
func openPage(t *testing.T, url string) context.Context {
	t.Helper()
	allocator, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromiumtest.Path(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(chromiumtest.Profile(t)),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(within),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))...)
	t.Cleanup(cancel)
	browser, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(browser, chromedp.Navigate(url)); err != nil {
		t.Fatalf("opening %s: %v", url, err)
	}
	return browser
}

// evaluate returns the value of a JavaScript expression.
func evaluate[T any](t *testing.T, browser context.Context, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(browser, within)
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%.200s: %v", expression, err)
	}
	return out
}
