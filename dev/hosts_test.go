package dev

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestLoopbackAndConfiguredHostsAreAllowed(t *testing.T) {
	h := newHosts("dev.box:8080", []string{"Souk.test", ""})
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST.:8080": true, "souk.localhost:8080": true,
		"127.0.0.1:8080": true, "[::1]:8080": true, "::1": true, "192.168.0.7:8080": true, "": true,
		"dev.box:8080": true, "souk.test": true, "SOUK.TEST.:9": true,
		"evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false,
		"notlocalhost": false, "sub.souk.test": false, "[::1].evil.example": false,
	} {
		if got := h.allow(host); got != want {
			t.Errorf("%q: %t, want %t", host, got, want)
		}
	}
}

func TestOtherHostsGetMisdirectedRequest(t *testing.T) {
	served := false
	handler := newHosts(":8080", nil).middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served = true }))
	r := httptest.NewRequest(http.MethodPost, "/graphql", http.NoBody)
	r.Host = strings.Repeat("x", 5000) + ".example"
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != http.StatusMisdirectedRequest || served || !strings.Contains(w.Body.String(), "--allow-host") || w.Body.Len() > 500 {
		t.Errorf("%d, %t: %s", w.Code, served, w.Body)
	}
}

func TestWelcomeWarnsWhenTutorialModeIsExposed(t *testing.T) {
	for _, c := range []struct {
		listen, auth string
		warns        bool
	}{
		{listen: "localhost:8080", auth: "tutorial", warns: false}, {listen: "127.0.0.1:8080", auth: "tutorial", warns: false}, {listen: "[::1]:8080", auth: "tutorial", warns: false},
		{listen: ":8080", auth: "tutorial", warns: true}, {listen: "0.0.0.0:8080", auth: "tutorial", warns: true}, {listen: "[::]:8080", auth: "tutorial", warns: true}, {listen: "dev.box:8080", auth: "tutorial", warns: true},
		{listen: ":8080", auth: "enforced", warns: false},
	} {
		s := &System{opts: Options{Listen: c.listen, AuthMode: c.auth}, addresses: map[string]string{routerName: c.listen, inboxName: "127.0.0.1:8086"}}
		var out bytes.Buffer
		s.Welcome(&out)
		if got := strings.Contains(out.String(), "Warning:"); got != c.warns {
			t.Errorf("%s, %s: %s", c.listen, c.auth, &out)
		}
	}
}

func TestSuggestedAddressKeepsTheHost(t *testing.T) {
	for host, want := range map[string]string{"": "localhost:9080", "localhost": "localhost:9080", "127.0.0.1": "127.0.0.1:9080", "0.0.0.0": "0.0.0.0:9080", "::1": "[::1]:9080"} {
		if got := new(System).otherAddress(host); got != want {
			t.Errorf("%q: %s, want %s", host, got, want)
		}
	}
}
