package router_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"souk/internal/chromiumtest"
	"souk/router/gateway/config"
)

// page runs checks of a router in the browser, sends the results to its own server and opens
// the next page. The router is its own server, unless the URL of the page names another.
const page = `<!doctype html><script type="module">
const router = new URLSearchParams(location.search).get('router') ?? location.origin, next = %q
const plain = {method: 'POST', headers: {'Content-Type': 'text/plain'}, body: JSON.stringify({query: '{ hello }'})}
const status = async (path, options) => { try { return String((await fetch(router + path, options)).status) } catch (e) { return 'unreadable' } }
const events = () => new Promise(done => {
	const source = new EventSource(router + '/graphql?query=%%7Bhello%%7D')
	source.addEventListener('next', e => { source.close(); done(e.data) })
	source.onerror = () => { source.close(); done('refused') }
})
const socket = () => new Promise(done => {
	const s = new WebSocket(router.replace('http', 'ws') + '/graphql', 'graphql-transport-ws')
	s.onopen = () => { s.close(); done('open') }
	s.onerror = () => done('refused')
})
const denied = async () => {
	try {
		const r = await fetch(router + '/graphql', {method: 'POST', headers: {'Content-Type': 'application/json', 'Authorization': 'Bearer x'}, body: '{}'})
		return r.status + ' ' + (await r.json()).errors[0].extensions.code + ' ' + (r.headers.get('WWW-Authenticate') !== null)
	} catch (e) { return 'unreadable' }
}
const lines = [
	'get ' + await status('/graphql?query=%%7Bhello%%7D'),
	'rest ' + await status('/api/hello'),
	'delete ' + await status('/api/hello', {method: 'DELETE', headers: {'If-Match': '"1"', 'Idempotency-Key': 'k'}}),
	'denied ' + await denied(),
	'events ' + await events(),
	'socket ' + await socket(),
	'form ' + await status('/graphql', {...plain, mode: 'no-cors'}),
]
await fetch('/result', {method: 'POST', body: lines.join('\n')})
if (next) location = next + '?router=' + router
</script>`

// Pages of the router's own origin, of a listed one and of an unlisted one run
// the same requests in a browser.
func TestBrowsersEnforceCORS(t *testing.T) {
	chromium := chromiumtest.Path(t)
	results := make(chan string, 10)
	var asked atomic.Int64
	counting := func(w http.ResponseWriter, r *http.Request) { asked.Add(1); hello(w, r) }
	serve := func(next string, rest http.Handler) *httptest.Server {
		mux := http.NewServeMux()
		mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprintf(w, page, next)
		})
		mux.HandleFunc("/result", func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			results <- fmt.Sprintf("%s\nasked %d", body, asked.Swap(0))
		})
		if rest != nil {
			mux.Handle("/", rest)
		}
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		return server
	}
	unlisted := serve("", nil)
	listed := serve(unlisted.URL+"/page", nil)
	own := serve(listed.URL+"/page", openRouter(t, smallSDL, smallRoutes, counting, func(c *config.Config) {
		c.CORS.AllowOrigins = []string{listed.URL}
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: "http://127.0.0.1:1/jwks.json"}}
	}))
	browser := exec.CommandContext(t.Context(), chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--user-data-dir="+chromiumtest.Profile(t), "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-port=0", own.URL+"/page")
	browser.WaitDelay = time.Minute
	if err := browser.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = browser.Process.Kill(); _ = browser.Wait() })
	const data = `{"data":{"hello":"hi"}}`
	for _, want := range []struct{ page, result string }{
		// Plain text is not a GraphQL request, but same-origin requests are not rejected as forged.
		{page: "the router's own", result: "get 200\nrest 200\ndelete 405\ndenied 401 UNAUTHENTICATED true\nevents " + data + "\nsocket open\nform 415\nasked 3"},
		{page: "a listed origin's", result: "get 200\nrest 200\ndelete 405\ndenied 401 UNAUTHENTICATED true\nevents " + data + "\nsocket open\nform 0\nasked 3"},
		// The browser sends the GET to the REST route, but the page cannot read the response.
		{page: "an unlisted origin's", result: "get unreadable\nrest unreadable\ndelete unreadable\ndenied unreadable\nevents refused\nsocket refused\nform 0\nasked 1"},
	} {
		select {
		case got := <-results:
			if strings.TrimSpace(got) != want.result {
				t.Errorf("page of %s: got\n%s\nwant\n%s", want.page, got, want.result)
			}
		case <-time.After(3 * time.Minute):
			t.Fatalf("page of %s sent no result", want.page)
		}
	}
}
