package rest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzBody sends arbitrary bodies: each gets a success or a 4xx problem, and the
// variables that reach the executor are valid for the operation.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"userId":1,"productId":1,"quantity":2}`, `{"userId":1,"lines":[{"productId":1,"quantity":2}]}`,
		`{"userId":null,"lines":[null]}`, `{"lines":[[]]}`, `{"lines":{"productId":1}}`, `{"quantity":1e9,"productId":-0}`,
		`{"productId":"1","quantity":99999999999}`, `{"a":{"a":{"a":1}}}`, "{\"\\ud800\":1}", `{"":0}`, `[`, "\xff", "\u2028", `""`, `{"lines":[],"lines":[]}`,
	} {
		f.Add("/api/orders", seed)
	}
	f.Add("/api/products", `{"name":"\u0000","price":1e400,"tags":["a",null]}`)
	f.Add("/api/users", `{"username":"a","email":"b","phone":null}`)
	h, g := newHandler(f, nil)
	f.Fuzz(func(t *testing.T, path, body string) {
		if path != "/api/orders" && path != "/api/products" && path != "/api/users" {
			path = "/api/orders"
		}
		g.executed, g.variables = nil, nil
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
			t.Errorf("body %s: got status %d, %s (variables %s)", body, w.Code, w.Body, g.variables)
		}
		if w.Code >= 400 {
			checkProblem(t, r, w)
		}
		if w.Code < 300 { // compiling the schema is slow
			checkDescribed(t, h, r.Pattern, body, w)
		}
	})
}

// FuzzTarget sends arbitrary paths and queries.
func FuzzTarget(f *testing.F) {
	f.Add("/api/products/1", "limit=3&after=a")
	f.Add("/api/users/%2f/orders", "a=%zz&&;=")
	f.Add("/api//", "minPrice=1e9&sort=NAME&search=%00")
	f.Add(strings.Repeat("\xb1", 400), "")
	h, _ := newHandler(f, nil)
	f.Fuzz(func(t *testing.T, path, query string) {
		r, err := http.NewRequest(http.MethodGet, "http://store/"+strings.TrimPrefix(path, "/")+"?"+query, nil)
		if err != nil {
			t.Skip()
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: got status %d, %s", r.URL, w.Code, w.Body)
		}
		if w.Code >= 400 {
			checkProblem(t, r, w)
		}
	})
}
