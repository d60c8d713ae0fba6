package identity_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"souk/subgraphs/internal/identity"
)

// The client is the one that the router names, or else the peer. All addresses
// of an IPv6 network are one client.
func TestClientIsTheOneThatTheRouterNames(t *testing.T) {
	for _, c := range []struct{ peer, stated, want string }{
		{peer: "192.0.2.1:80", want: "192.0.2.1"},
		{peer: "192.0.2.1:80", stated: "192.0.2.7", want: "192.0.2.7"},
		{peer: "192.0.2.1:80", stated: "::ffff:192.0.2.7", want: "192.0.2.7"},
		{peer: "192.0.2.1:80", stated: "2001:db8::1:2:3:4", want: "2001:db8::/64"},
		{peer: "[2001:db8:0:0:9::1]:80", want: "2001:db8::/64"},
		{peer: "[fe80::1%eth0]:80", want: "fe80::/64"},
		{peer: "192.0.2.1:80", stated: "somewhere", want: ""},
		{peer: "@", want: ""},
	} {
		var got string
		a := &identity.Authenticator{Logger: slog.New(slog.DiscardHandler)}
		h := a.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = identity.From(r.Context()).Client }))
		r := httptest.NewRequest(http.MethodPost, "/graphql", http.NoBody)
		r.RemoteAddr = c.peer
		if c.stated != "" {
			r.Header.Set(identity.ClientAddressHeader, c.stated)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("peer %s, header %q: got client %q, want %q", c.peer, c.stated, got, c.want)
		}
	}
}
