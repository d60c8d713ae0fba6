package subgraph

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// unixHost is the host name in requests over a Unix socket. Names below localhost belong to
// this machine (RFC 6761, section 6.3).
const unixHost = "unix.localhost"

// ParseUnixURL returns the path of the socket and the path of requests in a URL such as
// unix:///run/products.sock?path=/graphql. The path of requests defaults to /. ok is false if
// the URL has another scheme.
func ParseUnixURL(text string) (socket, path string, ok bool, err error) {
	if !strings.HasPrefix(text, "unix:") {
		return "", "", false, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", "", true, fmt.Errorf("URL: %w", err)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if path = query.Get("path"); path == "" {
		path = "/"
	}
	query.Del("path")
	if err != nil || u.Host != "" || u.Path == "" || u.Path == "/" || len(query) > 0 || u.User != nil || !strings.HasPrefix(path, "/") {
		return "", "", true, fmt.Errorf("URL %q is not of the form unix:///run/products.sock?path=/graphql", text)
	}
	return u.Path, path, true, nil
}

// reachOverUnix changes s to send requests over the Unix socket in its URL, if it has one.
func (s *Subgraph) reachOverUnix() error {
	socket, path, ok, err := ParseUnixURL(s.URL)
	if err != nil || !ok {
		return err
	}
	s.URL = "http://" + unixHost + path
	dial, proxy := s.Dial, s.Proxy
	s.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, _ := net.SplitHostPort(address); host == unixHost {
			network, address = "unix", socket
		}
		return dial(ctx, network, address)
	}
	s.Proxy = func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() == unixHost {
			return nil, nil
		}
		return proxy(r)
	}
	return nil
}
