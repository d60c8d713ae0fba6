package rest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"souk/router/rest"
)

// ask sends a request, with a JSON body unless it is empty.
func ask(h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// With HideSuggestions, problems contain no schema names that the request did not
// contain.
func TestHideSuggestionsHidesSchemaNames(t *testing.T) {
	for _, c := range []struct{ method, target, body, hint string }{
		{method: "POST", target: "/api/users", body: `{"usrname":"a","email":"a@example.com"}`, hint: "did you mean"},
		{method: "POST", target: "/api/orders", body: `{"userId":1,"lines":[{"productId":1,"quantty":2}]}`, hint: "did you mean"},
		{method: "GET", target: "/api/products?serch=x", hint: "did you mean"},
		{method: "GET", target: "/api/notifications?status=LOST", hint: "must be one of"},
		{method: "GET", target: "/api/product/1", hint: "did you mean"},
	} {
		for _, hide := range []bool{false, true} {
			h, _ := newHandler(t, func(o *rest.Options) { o.HideSuggestions = hide })
			w := ask(h, c.method, c.target, c.body)
			if w.Code/100 != 4 {
				t.Errorf("%s %s: got status %d, %s", c.method, c.target, w.Code, w.Body)
			}
			if hinted := strings.Contains(w.Body.String(), c.hint); hinted == hide {
				t.Errorf("%s %s, HideSuggestions %t: got %s", c.method, c.target, hide, w.Body)
			}
		}
	}
}

// A problem quotes a bounded part of the request.
func TestProblemsAreBounded(t *testing.T) {
	h, _ := newHandler(t, func(*rest.Options) {})
	long := strings.Repeat("x", 100_000)
	var many strings.Builder
	for i := range 2000 {
		many.WriteString(`,"` + strings.Repeat("y", 1+i%90) + string(rune('a'+i%26)) + long[:i%7] + `":1`)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"path":      ask(h, "GET", "/api/"+long, ""),
		"parameter": ask(h, "GET", "/api/products?"+long+"=1", ""),
		"value":     ask(h, "GET", "/api/products/"+long, ""),
		"member":    ask(h, "POST", "/api/users", `{"`+long+`":1}`),
		"text":      ask(h, "POST", "/api/products", `{"name":"Laptop","price":"`+long+`"}`),
		"method":    ask(h, long, "/api/products", ""),
		"accept": func() *httptest.ResponseRecorder {
			r, w := httptest.NewRequest("GET", "/api/products", nil), httptest.NewRecorder()
			r.Header.Set("Accept", "text/"+long)
			h.ServeHTTP(w, r)
			return w
		}(),
		"type": func() *httptest.ResponseRecorder {
			r, w := httptest.NewRequest("POST", "/api/users", strings.NewReader("{}")), httptest.NewRecorder()
			r.Header.Set("Content-Type", "text/"+long)
			h.ServeHTTP(w, r)
			return w
		}(),
		"key": func() *httptest.ResponseRecorder {
			r, w := httptest.NewRequest("POST", "/api/users", strings.NewReader("{}")), httptest.NewRecorder()
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Idempotency-Key", long)
			h.ServeHTTP(w, r)
			return w
		}(),
	} {
		if w.Code/100 != 4 || w.Body.Len() > 4096 {
			t.Errorf("%s: got status %d, %d bytes: %.300s", name, w.Code, w.Body.Len(), w.Body)
		}
	}
	if w := ask(h, "POST", "/api/users", `{"username":"a"`+many.String()+`}`); w.Code/100 != 4 || w.Body.Len() > 20_000 {
		t.Errorf("many members: got status %d, %d bytes", w.Code, w.Body.Len())
	}
}
