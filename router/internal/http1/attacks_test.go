package http1_test

import (
	"io"
	"log"
	"strings"
	"testing"
)

var quietLog = log.New(io.Discard, "", 0)

// An attack is a stream that servers and proxies may divide into requests differently.
type attack struct {
	name, stream string
	served       int64 // requests that reach the handler
}

const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

func post(fields, body string) string {
	return "POST /echo HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + body
}

// attacks are the ambiguities of RFC 9112, section 11.2, and of published attacks. Those with both
// Content-Length and Transfer-Encoding are in framing_test.go, because net/http keeps the connection.
var attacks = []attack{
	{"two different Content-Length", post("Content-Length: 0\r\nContent-Length: 35\r\n", smuggled), 0},
	{"list in Content-Length", post("Content-Length: 0, 35\r\n", smuggled), 0},
	{"negative Content-Length", post("Content-Length: -1\r\n", smuggled), 0},
	{"sign in Content-Length", post("Content-Length: +1\r\n", "a"+smuggled), 0},
	{"hexadecimal Content-Length", post("Content-Length: 0x1\r\n", "a"+smuggled), 0},
	{"underscore in Content-Length", post("Content-Length: 1_0\r\n", "a"+smuggled), 0},
	{"empty Content-Length", post("Content-Length: \r\n", smuggled), 0},
	{"overflowing Content-Length", post("Content-Length: 18446744073709551616\r\n", smuggled), 0},
	{"space before the colon", post("Content-Length : 35\r\n", smuggled), 0},
	{"tab before the colon", post("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"+smuggled), 0},
	{"unknown transfer coding", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"+smuggled), 0},
	{"chunked twice", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"+smuggled), 0},
	{"NUL in a value", post("A: b\x00c\r\n", ""), 0},
	{"NUL in a name", post("A\x00: b\r\n", ""), 0},
	{"CR in a value", post("A: b\rContent-Length: 35\r\n", smuggled), 0},
	{"colon first", post(": b\r\n", ""), 0},
	{"line without a colon", post("nonsense\r\n", ""), 0},
	{"folded first line", "POST /echo HTTP/1.1\r\n Host: x\r\n\r\n", 0},
	{"no Host", "GET /echo HTTP/1.1\r\n\r\n", 0},
	{"two Host", "GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 0},
	{"same Host twice", "GET /echo HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 0},
	{"invalid Host", "GET /echo HTTP/1.1\r\nHost: a\tb\r\n\r\n", 0},
	{"space in the target", "GET /ec ho HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"invalid escape in the target", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"control character in the target", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"relative target", "GET echo HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"no target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"no version", "GET /echo\r\nHost: a\r\n\r\n", 0},
	{"HTTP/0.9", "GET /echo HTTP/0.9\r\nHost: a\r\n\r\n", 0},
	{"HTTP/1.2", "GET /echo HTTP/1.2\r\nHost: a\r\n\r\n", 1},
	{"HTTP/2.0 without its preface", "GET /echo HTTP/2.0\r\nHost: a\r\n\r\n", 0},
	{"lower-case version", "GET /echo http/1.1\r\nHost: a\r\n\r\n", 0},
	{"invalid method", "G@T /echo HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"line break first", "\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 0},
	{"unknown expectation", post("Expect: 200-ok\r\nContent-Length: 1\r\n", "a"), 0},
	{"request behind a body", post("Content-Length: 1\r\n", "a"+smuggled), 2},
	{"request in a body", post("Content-Length: 35\r\n", smuggled), 1},
	{"body of a GET", "GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 35\r\n\r\n" + smuggled, 1},
	{"unread body", "POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 35\r\n\r\n" + smuggled + smuggled, 2},
	{"body that ends early", post("Content-Length: 99\r\n", smuggled), 1},
	{"bytes behind Connection: close", post("Connection: close\r\n", smuggled), 1},
	{"chunked body with a bare LF", post("Transfer-Encoding: chunked\r\n", "1\na\r\n0\r\n\r\n"+smuggled), 1},
	{"long chunk extension", post("Transfer-Encoding: chunked\r\n", "0;"+strings.Repeat("a", 2000)+"\r\n\r\n"+smuggled), 2},
	{"many fields", post(strings.Repeat("A: b\r\n", 1000), ""), 1},
}

// TestAmbiguousStreams checks how many requests reach the handler, and that both servers agree.
func TestAmbiguousStreams(t *testing.T) {
	w := newTwin(t)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			responses, served := w.compare(t, []byte(a.stream))
			if served != a.served {
				t.Errorf("%d requests reached the handler, want %d:\n%s", served, a.served, responses)
			}
			if strings.Contains(responses, "Injected: ") {
				t.Errorf("the response has a field of the attacker:\n%s", responses)
			}
		})
	}
}
