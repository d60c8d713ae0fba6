package http1

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// writeInformational sends a response before the final one, such as 103 Early Hints.
func (x *exchange) writeInformational(status int) {
	o := x.output()
	o.statusLine(status)
	o.fields(x.header, func(name string) bool { return name == "Content-Length" || name == "Transfer-Encoding" })
	o.b = append(o.b, "\r\n"...)
	_ = x.flush() // kept in x.err
}

// writeHead writes the head of the response. first is the beginning of the body. If whole is set,
// it is all of it.
func (x *exchange) writeHead(h http.Header, first []byte, whole bool) {
	x.framed = true
	o := x.output()
	coding := h.Get("Transfer-Encoding")
	x.trailers = announced(h["Trailer"])
	trailing := len(h["Trailer"]) > 0
	for name := range h {
		trailing = trailing || strings.HasPrefix(name, http.TrailerPrefix)
	}
	bodied := hasBody(x.status)
	length := int64(unknown)
	if whole && !trailing && coding == "" && bodied && x.length == unknown && (!x.head || len(first) > 0) {
		x.length = int64(len(first))
		length = x.length
	}
	if x.length != unknown && coding != "" && coding != "identity" {
		x.conn.server.logf("http1: the response has both Transfer-Encoding %q and Content-Length %d", coding, x.length)
		x.length = unknown
	}
	framed := bodied && !x.head && x.length == unknown
	x.chunked = framed && coding != "identity"
	x.consume(h)
	x.last = x.last || framed && !x.chunked || h.Get("Connection") == "close" || x.conn.server.ending.Load()
	switching := x.status == http.StatusSwitchingProtocols
	_, typed := h["Content-Type"]
	_, dated := h["Date"]

	o.statusLine(x.status)
	o.fields(h, func(name string) bool {
		switch name {
		case "Transfer-Encoding":
			return !x.chunked || coding == "chunked"
		case "Content-Length":
			return x.chunked || !bodied
		case "Connection":
			return x.last && !switching
		case "Content-Type":
			return x.status == http.StatusNotModified
		}
		return strings.HasPrefix(name, http.TrailerPrefix)
	})
	if !dated {
		o.field("Date", x.conn.server.date.at(time.Now()))
	}
	if length != unknown {
		o.b = append(strconv.AppendInt(append(o.b, "Content-Length: "...), length, 10), "\r\n"...)
	}
	if bodied && !typed && coding == "" && len(first) > 0 && h.Get("Content-Encoding") == "" {
		o.field("Content-Type", http.DetectContentType(first))
	}
	if x.last && !switching {
		o.field("Connection", "close")
	}
	if x.chunked {
		o.field("Transfer-Encoding", "chunked")
	}
	o.b = append(o.b, "\r\n"...)
	x.snapshot = nil
}

// consume reads what is left of the body of the request, because many clients send all of it before
// they read the response. The connection ends if there is too much.
func (x *exchange) consume(h http.Header) {
	if x.body.left.Load() == 0 || x.duplex || x.last || h.Get("Connection") == "close" {
		return
	}
	if !x.body.skip() {
		x.last = true
	}
}

// writeTrailers ends a body with chunked coding.
func (x *exchange) writeTrailers() {
	all := http.Header{}
	for name, values := range x.header {
		if name, found := strings.CutPrefix(name, http.TrailerPrefix); found {
			all[name] = values
		}
	}
	for _, name := range x.trailers {
		all[name] = append(all[name], x.header[name]...)
	}
	o := x.output()
	o.b = append(o.b, "0\r\n"...)
	o.fields(all, func(string) bool { return false })
	o.b = append(o.b, "\r\n"...)
}

// statusLine appends a status line.
func (o *output) statusLine(status int) {
	if status == http.StatusOK {
		o.b = append(o.b, "HTTP/1.1 200 OK\r\n"...)
		return
	}
	text := http.StatusText(status)
	if text == "" {
		text = "status code " + strconv.Itoa(status)
	}
	o.b = append(strconv.AppendInt(append(o.b, "HTTP/1.1 "...), int64(status), 10), ' ')
	o.b = append(append(o.b, text...), "\r\n"...)
}

// fields appends the fields of a header by name, except some.
func (o *output) fields(h http.Header, except func(name string) bool) {
	o.names = o.names[:0]
	for name := range h {
		if !except(name) {
			o.names = append(o.names, name)
		}
	}
	slices.Sort(o.names)
	for _, name := range o.names {
		for _, value := range h[name] {
			o.field(name, value)
		}
	}
	clear(o.names)
}

// field appends a field, unless its name is invalid. A line break in the value becomes a space.
func (o *output) field(name, value string) {
	if !httpguts.ValidHeaderFieldName(name) {
		return
	}
	o.b = append(append(o.b, name...), ": "...)
	value = strings.Trim(value, " \t\r\n")
	start := len(o.b)
	o.b = append(o.b, value...)
	for i, c := range o.b[start:] {
		if c == '\r' || c == '\n' {
			o.b[start+i] = ' '
		}
	}
	o.b = append(o.b, "\r\n"...)
}
