package http1_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

const chunked = "Transfer-Encoding: chunked\r\n"

// ambiguous reports whether this server may close a connection that net/http keeps.
func ambiguous(stream []byte) bool {
	lower := bytes.ToLower(stream)
	return bytes.Contains(lower, []byte("\ntransfer-encoding")) && (bytes.Contains(lower, []byte("\ncontent-length")) || bytes.Contains(lower, []byte("http/1.0")))
}

// old returns a request of HTTP/1.0 whose client wants to keep the connection.
func old(fields, body string) string {
	return strings.Replace(post("Connection: keep-alive\r\n"+fields, body), "HTTP/1.1", "HTTP/1.0", 1)
}

// TestAmbiguousRequestsEndTheConnection checks that nothing is served behind a chunked request with a
// Content-Length or of HTTP/1.0, and that other requests keep the connection.
func TestAmbiguousRequestsEndTheConnection(t *testing.T) {
	const body = "3\r\nabc\r\n0\r\n\r\n"
	for _, c := range []struct {
		name  string
		parts []string // that are sent one after another, with a response to each
		ends  bool
	}{
		{"Content-Length first", []string{post("Content-Length: 4\r\n"+chunked, body+smuggled)}, true},
		{"Transfer-Encoding first", []string{post(chunked+"Content-Length: 47\r\n", body+smuggled)}, true},
		{"in capitals", []string{post(chunked+"CONTENT-LENGTH: 4\r\n", body+smuggled)}, true},
		{"behind a request of this server", []string{post("Content-Length: 1\r\n", "a"), post(chunked+"Content-Length: 4\r\n", body+smuggled)}, true},
		{"behind a request of net/http", []string{post(chunked, body), post(chunked+"content-length: 4\r\n", body+smuggled)}, true},
		{"HTTP/1.0", []string{old(chunked+"Content-Length: 3\r\n", "abc"+smuggled)}, true},
		{"HTTP/1.0 behind another", []string{old("Content-Length: 1\r\n", "a"), old("Content-Length: 3\r\n"+chunked, "abc"+smuggled)}, true},
		{"HTTP/1.0 with Content-Length", []string{old("Content-Length: 1\r\n", "a"), old("Content-Length: 3\r\n", "abc")}, false},
		{"only chunked", []string{post(chunked, body), post(chunked, body)}, false},
		{"chunked behind Content-Length", []string{post("Content-Length: 1\r\n", "a"), post(chunked, body), post(chunked, body)}, false},
		{"in a value", []string{post(chunked+"A: content-length\r\nContent-Lengt: 1\r\n", body), post(chunked, body)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(t, func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.Copy(w, r.Body); err != nil && !errors.Is(err, io.EOF) {
					t.Error(err)
				}
			})
			client := r.dial(t)
			for i, part := range c.parts {
				client.send(t, part)
				response, got := client.receive(t)
				if got != "abc" && got != "a" {
					t.Fatalf("the body of response %d is %q", i+1, got)
				}
				if ends := c.ends && i == len(c.parts)-1; response.Close != ends {
					t.Errorf("response %d says that it closes the connection: %t, want %t", i+1, response.Close, ends)
				}
			}
			if !c.ends {
				return
			}
			if rest, _ := io.ReadAll(client.r); len(rest) > 0 { // an error is the end, too
				t.Errorf("behind it came %q", rest)
			}
		})
	}
}

// TestFieldsInPieces checks that a Content-Length is found wherever reads divide it.
func TestFieldsInPieces(t *testing.T) {
	r := run(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	head := post(chunked+"Content-Length: 4\r\n", "")
	for i := 1; i < len(head); i++ {
		c := r.dial(t)
		c.send(t, head[:i])
		c.send(t, head[i:]+"0\r\n\r\n")
		if response, _ := c.receive(t); !response.Close {
			t.Errorf("divided behind %q, the connection stays open", head[:i])
		}
	}
}
