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

func TestXForwardedFor(t *testing.T) {
	r, err := clientaddr.New(proxies, "X-Forwarded-For")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, peer string
		lines      []string
		want       string
	}{
		{"no proxy", "198.51.100.1:1234", nil, "198.51.100.1"},
		{"a client that says it is somebody else", "198.51.100.1:1234", []string{"203.0.113.9"}, "198.51.100.1"},
		{"a client that says it comes through a proxy", "198.51.100.1:1234", []string{"203.0.113.9, 10.0.0.1"}, "198.51.100.1"},
		{"a proxy without a header", "10.0.0.1:80", nil, "10.0.0.1"},
		{"a proxy", "10.0.0.1:80", []string{"198.51.100.1"}, "198.51.100.1"},
		{"a single address as proxy", "192.0.2.7:80", []string{"198.51.100.1"}, "198.51.100.1"},
		{"its neighbour", "192.0.2.8:80", []string{"198.51.100.1"}, "192.0.2.8"},
		{"two proxies", "10.0.0.1:80", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"what the client said before", "10.0.0.1:80", []string{"203.0.113.9, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"a line that the client sent", "10.0.0.1:80", []string{"203.0.113.9", "198.51.100.1"}, "198.51.100.1"},
		{"several lines", "10.0.0.1:80", []string{"198.51.100.1", "10.0.0.2", "10.0.0.3, 10.0.0.4"}, "198.51.100.1"},
		{"proxies only", "10.0.0.1:80", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"with a port", "10.0.0.1:80", []string{"198.51.100.1:5678"}, "198.51.100.1"},
		{"IPv6", "[2001:db8:1::1]:80", []string{"2001:db8:2::1"}, "2001:db8:2::1"},
		{"IPv6 in brackets", "10.0.0.1:80", []string{"[2001:db8:2::1]"}, "2001:db8:2::1"},
		{"IPv6 with a port", "10.0.0.1:80", []string{"[2001:db8:2::1]:443"}, "2001:db8:2::1"},
		{"IPv6 with a zone", "10.0.0.1:80", []string{"fe80::1%eth0"}, "fe80::1"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:80", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"a proxy network of IPv4 in IPv6", "172.16.3.4:80", []string{"198.51.100.1"}, "198.51.100.1"},
		{"unknown", "10.0.0.1:80", []string{"unknown"}, "10.0.0.1"},
		{"unknown behind a proxy", "10.0.0.1:80", []string{"203.0.113.9, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"a name", "10.0.0.1:80", []string{"localhost"}, "10.0.0.1"},
		{"empty members", "10.0.0.1:80", []string{"198.51.100.1,,"}, "10.0.0.1"},
		{"IPv4 in brackets", "10.0.0.1:80", []string{"[198.51.100.1]"}, "10.0.0.1"},
		{"more proxies than are followed", "10.0.0.1:80", []string{"198.51.100.1" + strings.Repeat(", 10.0.0.2", 40)}, "10.0.0.2"},
		{"a Unix socket", "@", []string{"198.51.100.1"}, "invalid IP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := r.Of(request(c.peer, "X-Forwarded-For", c.lines...)); got.String() != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	if got := r.Of(request("10.0.0.1:80", "Forwarded", "for=198.51.100.1")); got.String() != "10.0.0.1" {
		t.Errorf("the header that is not configured gives %s", got)
	}
	if got := new(clientaddr.Resolver).Of(request("10.0.0.1:80", "X-Forwarded-For", "198.51.100.1")); got.String() != "10.0.0.1" {
		t.Errorf("without trusted proxies it is %s", got)
	}
}

func TestForwarded(t *testing.T) {
	r, err := clientaddr.New(proxies, "forwarded")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"an address", []string{"for=198.51.100.1"}, "198.51.100.1"},
		{"further parameters", []string{`proto=https; For="198.51.100.1:4711" ;by=203.0.113.43`}, "198.51.100.1"},
		{"IPv6", []string{`for="[2001:db8:2::1]:4711"`}, "2001:db8:2::1"},
		{"IPv6 with a hidden port", []string{`for="[2001:db8:2::1]:_gazonk"`}, "2001:db8:2::1"},
		{"escapes", []string{`for="198.51.\100.1"`}, "198.51.100.1"},
		{"what the client said before", []string{"for=203.0.113.9, for=198.51.100.1, for=10.0.0.2"}, "198.51.100.1"},
		{"several lines", []string{"for=203.0.113.9", "for=198.51.100.1", "for=10.0.0.2"}, "198.51.100.1"},
		{"a comma in quotes", []string{`for=198.51.100.1;host="a, for=203.0.113.9"`}, "198.51.100.1"},
		{"hidden", []string{"for=203.0.113.9, for=_hidden"}, "10.0.0.1"},
		{"unknown", []string{"for=unknown"}, "10.0.0.1"},
		{"an element without it", []string{"for=203.0.113.9, proto=https"}, "10.0.0.1"},
		{"a quote that the client opened", []string{`for="203.0.113.9, for=198.51.100.1`}, "10.0.0.1"},
		{"a line that the client spoiled", []string{`for="203.0.113.9`, `for=198.51.100.1`}, "198.51.100.1"},
		{"twice", []string{"for=203.0.113.9;for=198.51.100.1"}, "10.0.0.1"},
		{"no parameter", []string{"198.51.100.1"}, "10.0.0.1"},
		{"longer than is read", []string{strings.Repeat("for=10.0.0.2,", 400) + "for=198.51.100.1"}, "10.0.0.1"},
		{"none", nil, "10.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := r.Of(request("10.0.0.1:80", "Forwarded", c.lines...)); got.String() != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestConfiguration(t *testing.T) {
	for _, c := range []struct {
		proxies      []string
		header, want string
	}{
		{[]string{"10.0.0.0/33"}, "", `"10.0.0.0/33" is neither a network`},
		{[]string{"ingress"}, "", `"ingress" is neither a network`},
		{nil, "X-Real-IP", `"X-Real-IP" cannot be read for addresses; use X-Forwarded-For or Forwarded`},
	} {
		if _, err := clientaddr.New(c.proxies, c.header); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

// Whatever a client sends, it is known by the address that the proxy saw, or by
// the proxy's.
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
				t.Errorf("%q give %s", lines, got)
			}
		}
		for _, lines := range [][]string{{line, "for=198.51.100.1"}, {before, line, "for=198.51.100.1"}} {
			if got := standard.Of(request("10.0.0.1:80", clientaddr.Forwarded, lines...)); got != client {
				t.Errorf("%q give %s", lines, got)
			}
		}
		appended := []string{before, line + ", for=198.51.100.1"}
		if got := standard.Of(request("10.0.0.1:80", clientaddr.Forwarded, appended...)); got != client && got != proxy {
			t.Errorf("%q give %s", appended, got)
		}
	})
}
