package console_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"souk/router/console"
)

// TestWrongTokensAreLimited: after 20 wrong tokens an address may try one every 3 seconds. The
// right one is accepted all the time, from every address.
func TestWrongTokensAreLimited(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	h := console.New(console.Options{Token: token, Now: func() time.Time { return now }})
	try := func(from, given string) int {
		r := httptest.NewRequest(http.MethodGet, "/console/api/nothing", http.NoBody)
		r.RemoteAddr = from
		r.Header.Set("Authorization", "Bearer "+given)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if limited := w.Code == http.StatusTooManyRequests; limited != (w.Header().Get("Retry-After") != "") {
			t.Errorf("status %d, headers %v", w.Code, w.Header())
		}
		return w.Code
	}
	const attacker, neighbour, authorized = "[2001:db8::1]:1000", "[2001:db8::2]:1000", http.StatusNotFound
	for i := range 20 {
		if got := try(attacker, fmt.Sprint("guess", i)); got != http.StatusUnauthorized {
			t.Fatalf("guess %d: %d", i, got)
		}
	}
	for i, from := range []string{attacker, neighbour} { // the same network
		if got := try(from, fmt.Sprint("another guess", i)); got != http.StatusTooManyRequests {
			t.Errorf("a wrong token from %s: %d", from, got)
		}
		if got := try(from, token); got != authorized {
			t.Errorf("the right token from %s: %d", from, got)
		}
	}
	if got := try("192.0.2.1:1000", "guess"); got != http.StatusUnauthorized {
		t.Errorf("another address: %d", got)
	}
	now = now.Add(3 * time.Second)
	if first, second := try(attacker, "guess20"), try(attacker, "guess21"); first != http.StatusUnauthorized || second != http.StatusTooManyRequests {
		t.Errorf("after 3 seconds: %d, then %d", first, second)
	}
	for range 100 { // a program with an old token
		if got := try("192.0.2.2:1000", "old"); got != http.StatusUnauthorized {
			t.Fatalf("a program with an old token: %d", got)
		}
	}
	for _, long := range []string{strings.Repeat("x", 1<<20), token + strings.Repeat("x", 1<<20), token + "x", token[:len(token)-1]} {
		if got := try("192.0.2.3:1000", long); got != http.StatusUnauthorized {
			t.Errorf("a token of %d bytes: %d", len(long), got)
		}
	}
	for i := range 5000 { // many addresses: those that are not told apart share one count
		try(fmt.Sprintf("10.0.%d.%d:1", i/250, i%250), fmt.Sprint("guess", i))
	}
	if first, second := try("10.9.9.9:1", "guess"), try("10.9.9.9:1", token); first != http.StatusTooManyRequests || second != authorized {
		t.Errorf("one of too many addresses: %d with a wrong token, %d with the right one", first, second)
	}
	now = now.Add(time.Hour)
	if got := try("10.9.9.9:1", "guess"); got != http.StatusUnauthorized {
		t.Errorf("after the attack: %d", got)
	}
}

// TestOtherOriginsCannotUseTheAPI: not even to make the router work.
func TestOtherOriginsCannotUseTheAPI(t *testing.T) {
	production, dev := newShop(t, nil), newShop(t, development)
	dev.token = ""
	for _, s := range []*shop{production, dev} {
		for site, want := range map[string]int{"cross-site": 403, "same-site": 403, "same-origin": 200, "none": 200} {
			for _, path := range endpoints {
				res, _ := s.api(t, http.MethodGet, path, "", "Sec-Fetch-Site: "+site)
				if res.StatusCode != want || res.Header.Get("Cross-Origin-Resource-Policy") != "same-origin" || res.Header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s, %s: %s %v", path, site, res.Status, res.Header)
				}
			}
		}
	}
}

// Not all browsers send Sec-Fetch-Site, and none to a host without TLS.
func TestOriginTellsOtherOriginsToo(t *testing.T) {
	s := newShop(t, nil)
	const host = "console.example:9090"
	for _, c := range []struct {
		origin, site string
		want         int
	}{
		{origin: "http://evil.example", want: 403},
		{origin: "http://evil.example:9090", want: 403},
		{origin: "http://console.example", want: 403},
		{origin: "null", want: 403},
		{origin: "http://evil.example", site: "none", want: 403},
		{origin: "http://evil.example", site: "cross-site", want: 403},
		{origin: "http://evil.example", site: "unknown", want: 403},
		{origin: "http://console.example:9090", want: 200},
		{origin: "https://CONSOLE.example:9090", want: 200}, // a proxy ends TLS
		{origin: "https://console.public.example", site: "same-origin", want: 200},
		{want: 200},
	} {
		header := []string{"Host: " + host}
		if c.origin != "" {
			header = append(header, "Origin: "+c.origin)
		}
		if c.site != "" {
			header = append(header, "Sec-Fetch-Site: "+c.site)
		}
		for _, r := range []struct{ method, path, body string }{{"GET", "info", ""}, {"HEAD", "traffic", ""}, {"POST", "plan", `{"query":"{ products { id } }"}`}} {
			if res, body := s.api(t, r.method, r.path, r.body, header...); res.StatusCode != c.want {
				t.Errorf("%s %s with Origin %q and Sec-Fetch-Site %q: %s %s", r.method, r.path, c.origin, c.site, res.Status, body)
			}
		}
	}
}

func TestOtherMethodsAreNotAllowed(t *testing.T) {
	s := newShop(t, nil)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
		for _, path := range append([]string{"traces/00"}, endpoints...) {
			if res, _ := s.api(t, method, path, ""); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %s, Allow: %s", method, path, res.Status, res.Header.Get("Allow"))
			}
		}
	}
	if res, _ := s.api(t, http.MethodGet, "plan", ""); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "POST" {
		t.Errorf("GET plan: %s, Allow: %s", res.Status, res.Header.Get("Allow"))
	}
	for _, path := range endpoints {
		if res, body := s.api(t, http.MethodHead, path, ""); res.StatusCode != http.StatusOK || body != "" {
			t.Errorf("HEAD %s: %s %s", path, res.Status, body)
		}
	}
}
