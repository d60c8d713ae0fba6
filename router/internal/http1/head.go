package http1

import (
	"bytes"
	"net/http"
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
// invalid, or that asks for more than a plain request and response. net/http decides on those. known
// are lines of the head before.
func parse(b []byte, lines int, known *knownLines) (h head, ok bool) {
	h.size = len(b)
	if lines == 0 {
		return h, false
	}
	known.begin(h.size, lines)
	line, rest := cutLine(b)
	if !known.isRequest(line) && !known.readRequest(line) {
		return h, false
	}
	h.method, h.target, h.url = known.method, known.target, known.url
	h.header = make(http.Header, lines)
	values := make([]string, 0, lines)
	for i := 0; ; i++ {
		if line, rest = cutLine(rest); len(line) == 0 {
			break
		}
		f, found := known.field(i, line)
		if !found || f.special && !h.special(f.name, f.value) {
			return h, false
		}
		if f.name == "Host" {
			continue
		}
		if earlier, again := h.header[f.name]; again {
			h.header[f.name] = append(earlier, f.value)
			continue
		}
		values = append(values, f.value)
		last := len(values) - 1
		h.header[f.name] = values[last : last+1 : last+1]
	}
	return h, h.host != ""
}

// cutLine returns a line, which ends with CR LF, and what follows it.
func cutLine(b []byte) (line, rest []byte) {
	n := bytes.IndexByte(b, '\n')
	return b[:n-1], b[n+1:]
}

// requestLine reads METHOD /TARGET HTTP/1.1.
func requestLine(line string) (method, target string, at url.URL, ok bool) {
	method, rest, ok := strings.Cut(line, " ")
	if !ok || !plainMethod(method) {
		return "", "", at, false
	}
	target, found := strings.CutSuffix(rest, string(version))
	if !found || target == "" || target[0] != '/' {
		return "", "", at, false
	}
	plain := true
	for i := range len(target) {
		switch c := target[i]; {
		case c <= ' ' || c >= 0x7f:
			return "", "", at, false
		case !plainTarget[c]:
			plain = false
		}
	}
	if plain {
		at.Path = target
		return method, target, at, true
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return "", "", at, false
	}
	return method, target, *u, true
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

// special reports whether a field that decides how a message is read belongs to a request that this
// package serves.
func (h *head) special(name, value string) bool {
	switch name {
	case "Connection":
		return strings.EqualFold(value, "keep-alive")
	case "Content-Length":
		return h.contentLength(value)
	case "Host":
		return h.onlyHost(value)
	}
	return false
}

// isSpecial reports whether a field decides how a message is read.
func isSpecial(name string) bool {
	switch name {
	case "Connection", "Content-Length", "Expect", "Host", "Http2-Settings", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	case "Pragma": // net/http derives Cache-Control from it
		return true
	}
	return false
}

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
