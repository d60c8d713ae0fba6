// Package http1 serves the ordinary requests of HTTP/1.1 (RFC 9112) with fewer system calls and
// allocations than net/http, and leaves all others to net/http.
//
// A connection starts here. Its goroutine reads a request with one system call, calls the handler,
// and writes the response with another. It serves only requests that it fully understands: a plain
// method and path, valid fields, one Host, and a Content-Length or no body. At the first request
// that is anything else, such as an upgrade, Expect, a chunked body, HTTP/1.0, HTTP/2 with prior
// knowledge, or a malformed one, it gives the connection to net/http for good, with the bytes that
// it has read. So every error response, and every rare feature, is that of net/http.
//
// net/http starts a read in another goroutine for each request, to notice clients that disconnect.
// Here the kernel reports that, through one epoll instance for all connections, which costs nothing
// per request. It exists on Linux only. Everywhere else, net/http serves everything.
//
// The hub is server.go. conn.go serves one connection, head.go parses the head of a request, for
// which known.go keeps the lines of the one before, and body.go reads its body, response.go is the
// http.ResponseWriter, header.go writes the head of a response and output.go its bytes. handover.go
// gives connections to net/http, framing.go closes those with ambiguous requests there, and
// shutdown.go ends the server. watch_linux.go notices clients that disconnect; watch_other.go says
// that other systems cannot.
package http1
