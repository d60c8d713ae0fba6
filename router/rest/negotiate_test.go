package rest_test

import (
	"net/http/httptest"
	"testing"
)

func TestAcceptMustAllowJSON(t *testing.T) {
	h, _ := newHandler(t, nil)
	for _, c := range []struct {
		name   string
		accept []string
		status int
	}{
		{name: "no header", accept: nil, status: 200},
		{name: "empty", accept: []string{""}, status: 200},
		{name: "axios", accept: []string{"application/json, text/plain, */*"}, status: 200},
		{name: "several lines", accept: []string{"text/html", "application/json;q=0.1"}, status: 200},
		{name: "specific range takes precedence", accept: []string{"application/*;q=0, application/json;q=0.1, */*;q=0"}, status: 200},
		{name: "specific range with weight 0", accept: []string{"*/*", "application/json;q=0"}, status: 406},
		{name: "charset", accept: []string{"application/json; charset=UTF-8"}, status: 200},
		{name: "other charset", accept: []string{"application/json;charset=utf-16"}, status: 406},
		{name: "comma in quotes", accept: []string{`text/x;a=", application/json"`}, status: 406},
		{name: "other type", accept: []string{"text/html"}, status: 406},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/products", nil)
			r.Header["Accept"] = c.accept
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("%q: got status %d, %s", c.accept, w.Code, w.Body)
			}
		})
	}
}
