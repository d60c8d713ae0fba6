package router_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"souk/router/gateway/config"
	"souk/router/internal/certtest"
)

// servers are the values of http.server.
var servers = []string{"standard", "direct"}

const (
	fields = "Host: x\r\nContent-Type: application/json\r\n"
	again  = "GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nHost: x\r\nApollo-Require-Preflight: 1\r\n\r\n"
	last   = "GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nHost: x\r\nConnection: close\r\nApollo-Require-Preflight: 1\r\n\r\n"
)

// query returns a request with more fields and a body.
func query(more, body string) string {
	return fmt.Sprintf("POST /graphql HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n%s", fields, more, len(body), body)
}

// exchanges are what clients send on a connection, and the statuses that they get. Most are followed
// by another request, which is answered if the connection remains open, and ends it then.
var exchanges = []struct{ name, stream, statuses string }{
	{"POST", query("", typename) + last, "200 200"},
	{"GET", again + last, "200 200"},
	{"HEAD", strings.Replace(again, "GET", "HEAD", 1) + last, "405 200"},
	{"OPTIONS", "OPTIONS /graphql HTTP/1.1\r\nHost: x\r\n\r\n" + last, "405 200"},
	{"DELETE", "DELETE /graphql HTTP/1.1\r\nHost: x\r\n\r\n" + last, "405 200"},
	{"another path", "GET /other HTTP/1.1\r\nHost: x\r\n\r\n" + last, "404 200"},
	{"100 pipelined", strings.Repeat(query("", typename), 99) + last, strings.TrimSpace(strings.Repeat("200 ", 100))},
	{"invalid JSON", query("", "{") + last, "400 200"},
	{"invalid operation", query("", `{"query":"{ other }"}`) + last, "422 200"},
	{"long body", query("", strings.Repeat(" ", 3<<20)+typename), "413"},
	{"long body that is announced", "POST /graphql HTTP/1.1\r\n" + fields + "Expect: 100-continue\r\nContent-Length: 3000000\r\n\r\n", "413"},
	{"Expect", query("Expect: 100-continue\r\n", typename) + last, "100 200 200"},
	{"unknown expectation", query("Expect: 200-ok\r\n", typename) + last, "417"},
	{"chunked", "POST /graphql HTTP/1.1\r\n" + fields + "Transfer-Encoding: chunked\r\n\r\n1a;a=b\r\n" + typename + "\r\n0\r\nA: b\r\n\r\n" + last, "200 200"},
	{"chunked with a length", "POST /graphql HTTP/1.1\r\n" + fields + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\n" + typename + "\r\n0\r\n\r\n" + last, "200"},
	{"Connection: close", query("Connection: close\r\n", typename) + last, "200"},
	{"HTTP/1.0", "POST /graphql HTTP/1.0\r\n" + fields + "Content-Length: 26\r\n\r\n" + typename + last, "200"},
	{"HTTP/1.0 that is kept", "POST /graphql HTTP/1.0\r\nConnection: keep-alive\r\n" + fields + "Content-Length: 26\r\n\r\n" + typename + last, "200 200"},
	{"absolute form", strings.Replace(again, "/graphql", "http://x/graphql", 1) + last, "200 200"},
	{"folded field", query("A: b\r\n c\r\n", typename) + last, "200 200"},
	{"bare line feeds", strings.ReplaceAll(again, "\r\n", "\n") + last, "200 200"},
	{"space before a colon", query("A : b\r\n", typename) + last, "400"},
	{"two Content-Length", query("Content-Length: 0\r\n", typename) + last, "400"},
	{"two Host", query("Host: y\r\n", typename) + last, "400"},
	{"no Host", "GET /graphql HTTP/1.1\r\n\r\n" + last, "400"},
	{"unknown coding", query("Transfer-Encoding: gzip\r\n", typename) + last, "501"},
	{"long header", query("A: "+strings.Repeat("a", 40<<10)+"\r\n", typename), "431"},
	{"line breaks behind a body", query("", typename) + "\r\n\r\n" + last, "200 200"},
	{"half of a request", "POST /graphql HTTP/1.1\r\nHost: x", "400"},
	{"half of a body", "POST /graphql HTTP/1.1\r\n" + fields + "Content-Length: 99\r\n\r\n{", "408"},
}

// unlike are the values that differ between equal responses.
var unlike = regexp.MustCompile(`(Date|Souk-Trace-Id): [^\r]*`)

// responses sends a stream to an address and returns the statuses of the responses, and what has
// come back. It is in a form in which the order of fields does not matter. If half is set, nothing
// follows the stream.
func responses(t *testing.T, address, stream string, half bool) (statuses, normal string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(c, stream)
		if half { // otherwise the server ends the connection, and requests would be canceled
			_ = c.(*net.TCPConn).CloseWrite()
		}
	}()
	all, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("the connection ends with %v", err)
	}
	all = unlike.ReplaceAll(all, []byte("$1:"))
	var list []string
	request := &http.Request{Method: stream[:strings.IndexByte(stream, ' ')]}
	for r := bufio.NewReader(bytes.NewReader(all)); ; request = nil {
		response, err := http.ReadResponse(r, request)
		if err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Error(err)
			}
			break
		}
		_, _ = io.Copy(io.Discard, response.Body)
		list = append(list, fmt.Sprint(response.StatusCode))
	}
	// Only the direct server says that it closes the connection behind half of a body.
	lines := strings.SplitAfter(strings.ReplaceAll(string(all), "Connection: close\r\n", ""), "\n")
	slices.Sort(lines)
	return strings.Join(list, " "), strings.Join(lines, "")
}

// Both servers respond with the same bytes, apart from the order of fields.
func TestServersRespondAlike(t *testing.T) {
	got := map[string]string{}
	for _, server := range servers {
		s := serveTicks(t, new(serving), func(c *config.Config) { c.HTTP.Server = server })
		for _, c := range exchanges {
			t.Run(server+"/"+c.name, func(t *testing.T) {
				statuses, normal := responses(t, s.address, c.stream, strings.HasPrefix(c.name, "half"))
				if statuses != c.statuses {
					t.Errorf("got statuses %q, want %q", statuses, c.statuses)
				}
				if want, ok := got[c.name]; ok && normal != want {
					t.Errorf("got\n%s\nwant as the standard server\n%s", normal, want)
				}
				got[c.name] = normal
			})
		}
	}
}

// Connections that have sent nothing neither use up the time for requests at a shutdown nor are they an
// error at its end. The time is shorter than what net/http waits for them.
func TestConnectionsWithoutRequestsDelayNoShutdown(t *testing.T) {
	t.Parallel()
	for _, server := range servers {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/tls=%t", server, secure), func(t *testing.T) {
				t.Parallel()
				client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
				url := "http://"
				s := serveTicks(t, new(serving), func(c *config.Config) {
					c.HTTP.Server = server
					c.TrafficShaping.Router.ShutdownTimeout = 4 * time.Second
					if secure {
						authority := certtest.New(t)
						own := authority.Issue(t, t.TempDir(), "router")
						c.TLS = config.ServerTLS{CertFile: own.Cert, KeyFile: own.Key}
						client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: authority.Pool(t)}
						url = "https://"
					}
				})
				for _, sent := range []string{"", "POST /graphql HT"} {
					c, err := net.Dial("tcp", s.address)
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					if _, err := io.WriteString(c, sent); err != nil {
						t.Fatal(err)
					}
				}
				response, err := client.Get(url + s.address + "/graphql") // accepted after the others
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
				s.stop()
				if err := <-s.ended; err != nil {
					t.Errorf("the router ends with %v", err)
				}
			})
		}
	}
}
