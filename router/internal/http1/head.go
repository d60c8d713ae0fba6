package http1

import (
	"bytes"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// A finding is what a scanner knows about a head.
type finding int

const (
	incomplete finding = iota
	complete
	strange // it is not one for this package
)

// A scanner finds the end of a head, which arrives in parts.
type scanner struct {
	at    int // the end of the last complete line
	lines int // without the empty one
	total int // bytes seen
}

// scan continues in the bytes of a head, of which it has seen the beginning. A line must end with
// CR LF.
func (s *scanner) scan(b []byte) finding {
	s.total = len(b)
	if len(b) > 0 && (b[0] < 'A' || b[0] > 'Z') {
		return strange
	}
	for {
		n := bytes.IndexByte(b[s.at:], '\n')
		switch {
		case n < 0:
			return incomplete
		case n == 0 || b[s.at+n-1] != '\r':
			return strange
		case n == 1:
			s.at += 2
			return complete
		}
		if s.lines == 0 && !bytes.HasSuffix(b[:n-1], version) {
			return strange
		}
		s.at += n + 1
		s.lines++
	}
}

var version = []byte(" HTTP/1.1")

// A head is the head of a request.
type head struct {
	method, target, host string
	url                  url.URL
	header               http.Header
	length               int64 // of the body
	size                 int   // in bytes
}

// parse reads a head with a number of lines, up to the empty one. It reports false for any that is
// invalid, or that asks for more than a plain request and response. net/http decides on those.
func parse(b []byte, lines int) (h head, ok bool) {
	h.size = len(b)
	if lines == 0 {
		return h, false
	}
	text := string(b)
	line, rest, _ := strings.Cut(text, "\r\n")
	if !h.requestLine(line) {
		return h, false
	}
	h.header = make(http.Header, lines)
	values := make([]string, 0, lines)
	for {
		line, rest, _ = strings.Cut(rest, "\r\n")
		if line == "" {
			break
		}
		name, value, found := field(line)
		if !found {
			return h, false
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if accept, special := specials[name]; special && !accept(&h, value) {
			return h, false
		}
		if name == "Host" {
			continue
		}
		if earlier, again := h.header[name]; again {
			h.header[name] = append(earlier, value)
			continue
		}
		values = append(values, value)
		last := len(values) - 1
		h.header[name] = values[last : last+1 : last+1]
	}
	return h, h.host != ""
}

// requestLine reads METHOD /TARGET HTTP/1.1.
func (h *head) requestLine(line string) bool {
	method, rest, ok := strings.Cut(line, " ")
	if !ok || !plainMethod(method) {
		return false
	}
	h.method = method
	target, found := strings.CutSuffix(rest, string(version))
	if !found || target == "" || target[0] != '/' {
		return false
	}
	h.target = target
	plain := true
	for i := range len(target) {
		switch c := target[i]; {
		case c <= ' ' || c >= 0x7f:
			return false
		case !plainTarget[c]:
			plain = false
		}
	}
	if plain {
		h.url.Path = target
		return true
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return false
	}
	h.url = *u
	return true
}

// plainMethod reports whether a method consists of capital letters and asks for no tunnel.
func plainMethod(m string) bool {
	if m == "" || m == http.MethodConnect || m == "PRI" {
		return false
	}
	for i := range len(m) {
		if m[i] < 'A' || m[i] > 'Z' {
			return false
		}
	}
	return true
}

// field reads NAME: VALUE.
func field(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, ":")
	if !ok || name == "" {
		return "", "", false
	}
	for i := range len(name) {
		if !token[name[i]] {
			return "", "", false
		}
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return "", "", false
		}
	}
	return name, strings.Trim(value, " \t"), true
}

// specials are the fields that decide how a message is read. Each function reports whether a value
// belongs to a request that this package serves.
var specials = map[string]func(h *head, value string) bool{
	"Connection":        func(_ *head, value string) bool { return strings.EqualFold(value, "keep-alive") },
	"Content-Length":    (*head).contentLength,
	"Expect":            never,
	"Host":              (*head).onlyHost,
	"Http2-Settings":    never,
	"Pragma":            never, // net/http derives Cache-Control from it
	"Trailer":           never,
	"Transfer-Encoding": never,
	"Upgrade":           never,
}

func never(*head, string) bool { return false }

func (h *head) onlyHost(value string) bool {
	if h.host != "" || !httpguts.ValidHostHeader(value) {
		return false
	}
	h.host = value
	return value != ""
}

// maxDigits is the number of digits of a Content-Length that fit in an int64.
const maxDigits = 18

func (h *head) contentLength(value string) bool {
	if len(h.header["Content-Length"]) > 0 || value == "" || len(value) > maxDigits {
		return false
	}
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' {
			return false
		}
		h.length = 10*h.length + int64(value[i]-'0')
	}
	return true
}

// request returns the request for a handler. Nothing of it is used again, so handlers may keep it.
func (h *head) request(x *exchange, remote string) *http.Request {
	r := http.Request{
		Method: h.method, URL: &x.url, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h.header,
		ContentLength: h.length, Host: h.host, RequestURI: h.target, RemoteAddr: remote, Body: http.NoBody,
	}
	if h.length > 0 {
		x.body.conn = x.conn
		x.body.left.Store(h.length)
		r.Body = &x.body
	}
	return r.WithContext(&x.context)
}

// token has the characters of field names (RFC 9110, section 5.6.2), plainTarget those of targets
// that need no decoding.
var token, plainTarget = func() (t, p [256]bool) {
	for c := range 256 {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		t[c] = letter || c < 0x80 && strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) >= 0
		p[c] = letter || c < 0x80 && strings.IndexByte("/-._~", byte(c)) >= 0
	}
	return t, p
}()
