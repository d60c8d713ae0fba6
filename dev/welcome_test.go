package dev

import (
	"bytes"
	"strings"
	"testing"
)

func TestWelcomeWarnsWhenTutorialModeIsExposed(t *testing.T) {
	for _, c := range []struct {
		listen, auth string
		warns        bool
	}{
		{listen: "localhost:8080", auth: "tutorial", warns: false}, {listen: "127.0.0.1:8080", auth: "tutorial", warns: false}, {listen: "[::1]:8080", auth: "tutorial", warns: false},
		{listen: ":8080", auth: "tutorial", warns: true}, {listen: "0.0.0.0:8080", auth: "tutorial", warns: true}, {listen: "[::]:8080", auth: "tutorial", warns: true}, {listen: "dev.box:8080", auth: "tutorial", warns: true},
		{listen: ":8080", auth: "enforced", warns: false},
	} {
		s := &System{opts: Options{Listen: c.listen, AuthMode: c.auth}, addresses: map[string]string{routerName: c.listen, inboxName: "127.0.0.1:8086", adminName: "127.0.0.1:8087"}}
		var out bytes.Buffer
		s.Welcome(&out)
		if got := strings.Contains(out.String(), "Warning:"); got != c.warns {
			t.Errorf("%s, %s: got %s", c.listen, c.auth, &out)
		}
	}
}

// Every command that needs a caller has a token if requests without one have no rights.
func TestWelcomeShowsTheTokenThatIsNeeded(t *testing.T) {
	for auth, want := range map[string]int{"tutorial": 0, "enforced": 2} {
		s := &System{opts: Options{Listen: "localhost:8080", AuthMode: auth}, addresses: map[string]string{routerName: "localhost:8080", inboxName: "127.0.0.1:8086", adminName: "127.0.0.1:8087"}}
		var out bytes.Buffer
		s.Welcome(&out)
		if got := strings.Count(out.String(), "Authorization: Bearer"); got != want || strings.Contains(out.String(), "%!") || strings.Contains(out.String(), "/api/login") != (want > 0) {
			t.Errorf("%s: got %s", auth, &out)
		}
	}
}

func TestSuggestedAddressKeepsTheHost(t *testing.T) {
	for host, want := range map[string]string{"": "localhost:9080", "localhost": "localhost:9080", "127.0.0.1": "127.0.0.1:9080", "0.0.0.0": "0.0.0.0:9080", "::1": "[::1]:9080"} {
		if got := new(System).otherAddress(host); got != want {
			t.Errorf("%q: got %s, want %s", host, got, want)
		}
	}
}
