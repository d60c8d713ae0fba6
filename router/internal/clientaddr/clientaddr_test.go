package clientaddr_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"souk/router/internal/clientaddr"
)

var proxies = []string{"10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48", "::ffff:172.16.0.0/108"}

func request(peer, name string, lines ...string) *http.Request {
	return &http.Request{RemoteAddr: peer, Header: http.Header{name: lines}}
}

func TestXForwardedForIsFollowedThroughTrustedProxies(t *testing.T) {
	r, err := clientaddr.New(proxies, "X-Forwarded-For")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, peer string
		lines      []string
		want       string
	}{
		{name: "no proxy", peer: "198.51.100.1:1234", lines: nil, want: "198.51.100.1"},
		{name: "a client with a forged header", peer: "198.51.100.1:1234", lines: []string{"203.0.113.9"}, want: "198.51.100.1"},
		{name: "a client that claims to be behind a proxy", peer: "198.51.100.1:1234", lines: []string{"203.0.113.9, 10.0.0.1"}, want: "198.51.100.1"},
		{name: "a proxy without a header", peer: "10.0.0.1:80", lines: nil, want: "10.0.0.1"},
		{name: "a proxy", peer: "10.0.0.1:80", lines: []string{"198.51.100.1"}, want: "198.51.100.1"},
		{name: "a proxy trusted by address", peer: "192.0.2.7:80", lines: []string{"198.51.100.1"}, want: "198.51.100.1"},
		{name: "a proxy at the next address", peer: "192.0.2.8:80", lines: []string{"198.51.100.1"}, want: "192.0.2.8"},
		{name: "two proxies", peer: "10.0.0.1:80", lines: []string{"198.51.100.1, 10.0.0.2"}, want: "198.51.100.1"},
		{name: "an address added by the client", peer: "10.0.0.1:80", lines: []string{"203.0.113.9, 198.51.100.1, 10.0.0.2"}, want: "198.51.100.1"},
		{name: "a line added by the client", peer: "10.0.0.1:80", lines: []string{"203.0.113.9", "198.51.100.1"}, want: "198.51.100.1"},
		{name: "several lines", peer: "10.0.0.1:80", lines: []string{"198.51.100.1", "10.0.0.2", "10.0.0.3, 10.0.0.4"}, want: "198.51.100.1"},
		{name: "proxies only", peer: "10.0.0.1:80", lines: []string{"10.0.0.3, 10.0.0.2"}, want: "10.0.0.3"},
		{name: "with a port", peer: "10.0.0.1:80", lines: []string{"198.51.100.1:5678"}, want: "198.51.100.1"},
		{name: "IPv6", peer: "[2001:db8:1::1]:80", lines: []string{"2001:db8:2::1"}, want: "2001:db8:2::1"},
		{name: "IPv6 in brackets", peer: "10.0.0.1:80", lines: []string{"[2001:db8:2::1]"}, want: "2001:db8:2::1"},
		{name: "IPv6 with a port", peer: "10.0.0.1:80", lines: []string{"[2001:db8:2::1]:443"}, want: "2001:db8:2::1"},
		{name: "IPv6 with a zone", peer: "10.0.0.1:80", lines: []string{"fe80::1%eth0"}, want: "fe80::1"},
		{name: "IPv4 in IPv6", peer: "[::ffff:10.0.0.1]:80", lines: []string{"::ffff:198.51.100.1"}, want: "198.51.100.1"},
		{name: "a proxy network of IPv4 in IPv6", peer: "172.16.3.4:80", lines: []string{"198.51.100.1"}, want: "198.51.100.1"},
		{name: "unknown", peer: "10.0.0.1:80", lines: []string{"unknown"}, want: "10.0.0.1"},
		{name: "unknown behind a proxy", peer: "10.0.0.1:80", lines: []string{"203.0.113.9, unknown, 10.0.0.2"}, want: "10.0.0.2"},
		{name: "a name", peer: "10.0.0.1:80", lines: []string{"localhost"}, want: "10.0.0.1"},
		{name: "empty members", peer: "10.0.0.1:80", lines: []string{"198.51.100.1,,"}, want: "10.0.0.1"},
		{name: "IPv4 in brackets", peer: "10.0.0.1:80", lines: []string{"[198.51.100.1]"}, want: "10.0.0.1"},
		{name: "too many proxies", peer: "10.0.0.1:80", lines: []string{"198.51.100.1" + strings.Repeat(", 10.0.0.2", 40)}, want: "10.0.0.2"},
		{name: "a Unix socket", peer: "@", lines: []string{"198.51.100.1"}, want: "invalid IP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := r.Of(request(c.peer, "X-Forwarded-For", c.lines...)); got.String() != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	if got := r.Of(request("10.0.0.1:80", "Forwarded", "for=198.51.100.1")); got.String() != "10.0.0.1" {
		t.Errorf("the header that is not configured was read: got %s", got)
	}
	if got := new(clientaddr.Resolver).Of(request("10.0.0.1:80", "X-Forwarded-For", "198.51.100.1")); got.String() != "10.0.0.1" {
		t.Errorf("without trusted proxies: got %s", got)
	}
}

func TestPeersOnUnixSocketsAreTrustedIfConfigured(t *testing.T) {
	for _, c := range []struct {
		proxies    []string
		peer, want string
	}{
		{[]string{"unix"}, "@", "198.51.100.1"},
		{[]string{"unix"}, "", "198.51.100.1"},
		{[]string{"unix"}, "203.0.113.9:80", "203.0.113.9"},
		{nil, "@", "invalid IP"},
	} {
		r, err := clientaddr.New(c.proxies, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Of(request(c.peer, "X-Forwarded-For", "198.51.100.1")).String(); got != c.want {
			t.Errorf("proxies %v, peer %q: got %s, want %s", c.proxies, c.peer, got, c.want)
		}
	}
}

func TestForwardedIsFollowedThroughTrustedProxies(t *testing.T) {
	r, err := clientaddr.New(proxies, "forwarded")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{name: "an address", lines: []string{"for=198.51.100.1"}, want: "198.51.100.1"},
		{name: "further parameters", lines: []string{`proto=https; For="198.51.100.1:4711" ;by=203.0.113.43`}, want: "198.51.100.1"},
		{name: "IPv6", lines: []string{`for="[2001:db8:2::1]:4711"`}, want: "2001:db8:2::1"},
		{name: "IPv6 with a hidden port", lines: []string{`for="[2001:db8:2::1]:_gazonk"`}, want: "2001:db8:2::1"},
		{name: "escapes", lines: []string{`for="198.51.\100.1"`}, want: "198.51.100.1"},
		{name: "an address added by the client", lines: []string{"for=203.0.113.9, for=198.51.100.1, for=10.0.0.2"}, want: "198.51.100.1"},
		{name: "several lines", lines: []string{"for=203.0.113.9", "for=198.51.100.1", "for=10.0.0.2"}, want: "198.51.100.1"},
		{name: "a comma in quotes", lines: []string{`for=198.51.100.1;host="a, for=203.0.113.9"`}, want: "198.51.100.1"},
		{name: "hidden", lines: []string{"for=203.0.113.9, for=_hidden"}, want: "10.0.0.1"},
		{name: "unknown", lines: []string{"for=unknown"}, want: "10.0.0.1"},
		{name: "an element without for", lines: []string{"for=203.0.113.9, proto=https"}, want: "10.0.0.1"},
		{name: "an open quote added by the client", lines: []string{`for="203.0.113.9, for=198.51.100.1`}, want: "10.0.0.1"},
		{name: "a malformed line added by the client", lines: []string{`for="203.0.113.9`, `for=198.51.100.1`}, want: "198.51.100.1"},
		{name: "for twice in an element", lines: []string{"for=203.0.113.9;for=198.51.100.1"}, want: "10.0.0.1"},
		{name: "no parameter", lines: []string{"198.51.100.1"}, want: "10.0.0.1"},
		{name: "a line that is too long", lines: []string{strings.Repeat("for=10.0.0.2,", 400) + "for=198.51.100.1"}, want: "10.0.0.1"},
		{name: "none", lines: nil, want: "10.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := r.Of(request("10.0.0.1:80", "Forwarded", c.lines...)); got.String() != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestInvalidConfigurationIsRejected(t *testing.T) {
	for _, c := range []struct {
		proxies      []string
		header, want string
	}{
		{proxies: []string{"10.0.0.0/33"}, header: "", want: `"10.0.0.0/33" is neither a network`},
		{proxies: []string{"ingress"}, header: "", want: `"ingress" is neither a network`},
		{proxies: nil, header: "X-Real-IP", want: `"X-Real-IP" is not supported for client addresses; use X-Forwarded-For or Forwarded`},
	} {
		if _, err := clientaddr.New(c.proxies, c.header); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

// FuzzSpoofedHeaders checks that whatever a client sends, the result is the address
// that the proxy saw, or the address of the proxy.
func FuzzSpoofedHeaders(f *testing.F) {
	f.Add("203.0.113.9", "")
	f.Add(`for="`, `for=1.2.3.4;host="`)
	f.Add("for=\"[::1]:80\", 10.0.0.2", "10.0.0.3")
	plain, err := clientaddr.New(proxies, clientaddr.XForwardedFor)
	if err != nil {
		f.Fatal(err)
	}
	standard, err := clientaddr.New(proxies, clientaddr.Forwarded)
	if err != nil {
		f.Fatal(err)
	}
	client, proxy := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, line, before string) {
		for _, lines := range [][]string{{line, "198.51.100.1"}, {before, line, "198.51.100.1"}, {line + ", 198.51.100.1"}, {before, line + ",198.51.100.1"}} {
			if got := plain.Of(request("10.0.0.1:80", clientaddr.XForwardedFor, lines...)); got != client {
				t.Errorf("%q: got %s", lines, got)
			}
		}
		for _, lines := range [][]string{{line, "for=198.51.100.1"}, {before, line, "for=198.51.100.1"}} {
			if got := standard.Of(request("10.0.0.1:80", clientaddr.Forwarded, lines...)); got != client {
				t.Errorf("%q: got %s", lines, got)
			}
		}
		appended := []string{before, line + ", for=198.51.100.1"}
		if got := standard.Of(request("10.0.0.1:80", clientaddr.Forwarded, appended...)); got != client && got != proxy {
			t.Errorf("%q: got %s", appended, got)
		}
	})
}
