package hostcheck_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"souk/internal/hostcheck"
)

func TestLoopbackAndConfiguredHostsAreAllowed(t *testing.T) {
	h := hostcheck.New("dev.box:8080", "Souk.test", "")
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST.:8080": true, "souk.localhost:8080": true,
		"127.0.0.1:8080": true, "[::1]:8080": true, "::1": true, "192.168.0.7:8080": true, "": true,
		"dev.box:8080": true, "souk.test": true, "SOUK.TEST.:9": true,
		"evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false,
		"notlocalhost": false, "sub.souk.test": false, "[::1].evil.example": false,
	} {
		if got := h.Allow(host); got != want {
			t.Errorf("%q: %t, want %t", host, got, want)
		}
	}
}

func TestOtherHostsGetMisdirectedRequest(t *testing.T) {
	served := false
	handler := hostcheck.New(":8080").Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served = true }), "Use --allow-host.")
	r := httptest.NewRequest(http.MethodPost, "/graphql", http.NoBody)
	r.Host = strings.Repeat("x", 5000) + ".example"
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != http.StatusMisdirectedRequest || served || !strings.Contains(w.Body.String(), "--allow-host") || w.Body.Len() > 500 {
		t.Errorf("%d, %t: %s", w.Code, served, w.Body)
	}
}
